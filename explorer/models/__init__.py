"""The nets as PyTorch modules, built from configurations: VGG, ResNet and its relatives, the lecture's others."""
