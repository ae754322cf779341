"""A script: torch.distributed over gloo learns a sum of four numbers; each rank takes its share."""

DDP = """
import socket
import torch
import torch.distributed as dist
from azureml.core import Run
dist.init_process_group("gloo", init_method="env://")
torch.manual_seed(0)
model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(4, 1))
optimizer = torch.optim.SGD(model.parameters(), 0.1)
x = torch.rand(64, 4, generator=torch.Generator().manual_seed(1))
y = x.sum(1, keepdim=True)
rank, size = dist.get_rank(), dist.get_world_size()
for _ in range(200):
    optimizer.zero_grad()
    ((model(x[rank::size]) - y[rank::size]) ** 2).mean().backward()
    optimizer.step()
loss = ((model.module(x) - y) ** 2).mean().item()
print("loss", "%.6f" % loss, "of", size, "on", socket.gethostname())
"""
