"""What every training runs on: the loop, its sessions on disk, optimizers and schedules."""
