"""Which word is the program, whatever stands before it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlamd.recognise.launch import find_program


@pytest.mark.parametrize(
    ("line", "program", "rest"),
    [
        ("python train.py --lr 1", "train.py", "--lr 1"),
        ("python3.11 -u train.py --lr 1", "train.py", "--lr 1"),
        ("/usr/bin/python -X dev -W error src/train.py a", "src/train.py", "a"),
        ("python -um pkg.train --lr 1", "pkg.train", "--lr 1"),
        ("python -m pkg.train --lr 1", "pkg.train", "--lr 1"),
        ("python -c pass a b", "-c", "a b"),
        ("python", "", ""),
        ("env A=b B=c python train.py x", "train.py", "x"),
        ("A=b python train.py x", "train.py", "x"),
        ("nice -n 5 python train.py x", "train.py", "x"),
        ("nohup python train.py x", "train.py", "x"),
        ("timeout -s KILL 60 python train.py x", "train.py", "x"),
        ("taskset 0x3 python train.py x", "train.py", "x"),
        ("uv run train.py x", "train.py", "x"),
        ("uv run --with torch python train.py x", "train.py", "x"),
        ("poetry run python train.py x", "train.py", "x"),
        ("conda run -n base python train.py x", "train.py", "x"),
        ("torchrun --standalone --nproc_per_node 2 train.py --lr 1", "train.py", "--lr 1"),
        ("torchrun --nproc_per_node=2 -m pkg.train --lr 1", "pkg.train", "--lr 1"),
        ("python -m torch.distributed.run --nnodes 1 train.py --lr 1", "train.py", "--lr 1"),
        ("/venv/bin/python /venv/bin/torchrun --nnodes 1 train.py --lr 1", "train.py", "--lr 1"),
        ("accelerate launch --config_file a.yaml --num_processes 2 train.py --lr 1", "train.py", "--lr 1"),
        ("deepspeed --num_gpus 2 train.py --deepspeed ds.json", "train.py", "--deepspeed ds.json"),
        ("mpirun -np 4 python train.py x", "train.py", "x"),
        ("srun --ntasks 2 python -u train.py x", "train.py", "x"),
        ("python -m cProfile -o out.prof train.py x", "train.py", "x"),
        ("coverage run --branch train.py x", "train.py", "x"),
        ("bash run.sh a b", "run.sh", "a b"),
        ("bash -c echo", "-c", ""),
        ("Rscript fit.R a", "fit.R", "a"),
        ("./train.py x", "./train.py", "x"),
        ("yolo train data=x", "yolo", "train data=x"),
        ("", "", ""),
    ],
)
def test_the_program_of_a_command_line(line, program, rest):
    words = tuple(line.split())
    launch = find_program(words)
    assert launch.program == program
    assert " ".join(words[launch.first :]) == rest


@given(
    st.lists(st.text() | st.sampled_from(["python", "-m", "env", "torchrun", "uv", "run", "A=b", "-", "--"]))
)
def test_any_words_are_taken(words):
    launch = find_program(tuple(words))
    assert launch.first >= 0
    assert isinstance(launch.program, str)
