import argparse
import json

import torch

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--hidden", type=int, default=8)
parser.add_argument("--epochs", type=int, default=3)
options = parser.parse_args()

torch.manual_seed(0)
inputs = torch.randn(64, 4)
wanted = (inputs.sum(1, keepdim=True) > 0).float()
network = torch.nn.Sequential(
    torch.nn.Linear(4, options.hidden), torch.nn.ReLU(), torch.nn.Linear(options.hidden, 1)
)
optimizer = torch.optim.SGD(network.parameters(), lr=options.lr)
with open("log.jsonl", "w") as log:
    for epoch in range(options.epochs):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(network(inputs), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        log.write(json.dumps({"epoch": epoch, "train_loss": loss.item()}) + "\n")
torch.save(network.state_dict(), "network.pt")
print(json.dumps({"parameters": vars(options), "metrics": {"train_loss": loss.item()}}))
