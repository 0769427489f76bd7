"""ONNX files of others as functional Keras models."""
