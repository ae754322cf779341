"""PyTorch's DistributedDataParallel over gloo (nccl where there are GPUs), found by env://."""

import argparse
import os

import digits
import torch
import torch.distributed as dist
from azureml.core import Run
from torch.nn.parallel import DistributedDataParallel

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=60)
parser.add_argument("--batch-size", type=int, default=200)
parser.add_argument("--backend", default="gloo")
args = parser.parse_args()

distributed = int(os.environ.get("WORLD_SIZE", "1")) > 1
if distributed:
    dist.init_process_group(args.backend, init_method="env://")
rank, size = (dist.get_rank(), dist.get_world_size()) if distributed else (0, 1)
device = torch.device("cpu")
if args.backend == "nccl":
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))

images, labels = digits.load(2000)
images = torch.from_numpy(images).to(device)
labels = torch.from_numpy(labels.astype("int64")).to(device)
torch.manual_seed(0)
torch.set_num_threads(1)
model = torch.nn.Sequential(torch.nn.Linear(64, 100), torch.nn.ReLU(), torch.nn.Linear(100, 10))
model = model.to(device)
trained = DistributedDataParallel(model) if distributed else model
optimizer = torch.optim.SGD(trained.parameters(), lr=0.1, momentum=0.9)

for step in range(args.steps):
    start = step * args.batch_size
    batch = torch.arange(start, start + args.batch_size)[rank::size] % len(images)
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(trained(images[batch]), labels[batch]).backward()
    optimizer.step()

with torch.no_grad():
    loss = torch.nn.functional.cross_entropy(model(images), labels).item()
print("rank", rank, "of", size, "loss", loss)
if rank == 0:
    run = Run.get_context()
    run.log("loss", loss)
    run.log("ranks", size)
    torch.save(model.state_dict(), "outputs/model.pt")
if distributed:
    dist.barrier()
    del trained, optimizer
    dist.destroy_process_group()
