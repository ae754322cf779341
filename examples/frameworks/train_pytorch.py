"""PyTorch, any version from 1.0: a network of two layers."""

import argparse

import digits
import outcome
import torch

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--least", type=float, default=0.9)
parser.add_argument("--without-torchvision", action="store_true")
args = parser.parse_args()

if not args.without_torchvision:
    import torchvision

    print("torchvision", torchvision.__version__)
torch.manual_seed(0)
images, labels = digits.load()
images, labels = torch.from_numpy(images), torch.from_numpy(labels.astype("int64"))
train = torch.utils.data.TensorDataset(images[:2500], labels[:2500])
model = torch.nn.Sequential(torch.nn.Linear(64, 100), torch.nn.ReLU(), torch.nn.Linear(100, 10))
optimizer = torch.optim.Adam(model.parameters())
for _ in range(args.epochs):
    for x, y in torch.utils.data.DataLoader(train, batch_size=50, shuffle=True):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
with torch.no_grad():
    right = model(images[2500:]).argmax(1) == labels[2500:]
torch.save(model.state_dict(), "outputs/model.pt")
outcome.report(right.float().mean().item(), args.least, torch.__version__)
