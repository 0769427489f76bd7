"""Topics of the playground that are experiments: they answer within seconds."""
