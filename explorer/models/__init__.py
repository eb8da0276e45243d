"""The nets: VGG and ResNet as PyTorch modules, built from configurations."""
