from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.semantic.stages import Crew, Stages
from tests.unit.semantic.planted import PlantedEncoder, picture
from tests.unit.semantic.running import made

CREWS = {"fetch": Crew(8, "connection"), "decode": Crew(4, "thread"), "encode": Crew(1, "thread")}


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_the_busiest_crew_limits_and_one_line_says_so():
    clock = Clock()
    stages = Stages(CREWS, clock)
    stages.begin()
    stages.add("fetch", 30.0)
    stages.add("decode", 24.4, 20)
    stages.add("encode", 6.0, 20)
    clock.now = 10.0
    assert str(stages.limit()) == "decode limits: 61 % of the time of 4 threads"
    stages.add("encode", 3.5)
    stages.end()
    clock.now = 1000.0
    assert str(stages.limit()) == "encode limits: 95 % of the time of 1 thread"
    assert stages.counts == {"list": 0, "load": 0, "fetch": 1, "decode": 20, "encode": 21}


def test_before_anything_worked_nothing_limits():
    clock = Clock()
    stages = Stages(CREWS, clock)
    assert stages.limit() is None
    stages.begin()
    clock.now = 3.0
    assert stages.limit() is None


def test_threads_add_up_and_a_failure_counts_as_well():
    stages = Stages(CREWS)

    def work(number):
        with stages.timed("decode"):
            if number % 2:
                raise ValueError(number)

    with ThreadPoolExecutor(4) as pool:
        failed = [each.exception() for each in [pool.submit(work, number) for number in range(200)]]
    assert sum(error is not None for error in failed) == 100
    assert stages.counts["decode"] == 200


async def test_a_report_names_the_stage_that_limits_and_counts_what_went_through_each(tmp_path):
    remote = MemoryRemote()
    for number in range(40):
        remote.seed(f"{number}.png", picture((number, 0, 9)))
    watched = []

    class Watching:
        def watch(self, stages):
            watched.append(stages)

        def __call__(self, done, total):
            pass

    report = await made(remote, tmp_path, PlantedEncoder(), progress=Watching())
    assert report.limit.startswith(("fetch limits: ", "decode limits: ", "encode limits: ", "store limits: "))
    assert report.counts == {"list": 40, "load": 1, "fetch": 40, "decode": 40, "encode": 40, "store": 40}
    assert watched[0].seconds == pytest.approx(report.stages, abs=1e-6)
    assert (await made(remote, tmp_path, PlantedEncoder())).limit == ""
