"""Names of Windows and of calendar files, and what is suggested for names that are none.

Neighbours tried beyond the reported ones: every name of the tz database behind each prefix and in quotes, every name of Windows;
for suggestions every name with a direction swapped, with a word more, without its first word, and with each two letters
swapped; every folder of names, in three spellings, and names that no file system has; the English names of all countries, alone and behind each continent; Windows' names that CLDR gives no zone.
"""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime, timedelta, timezone
from importlib.resources import files
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest
from tzlocal.windows_tz import win_tz

from apscheduler.moments import astimezone, zone_named
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.rrule import RRuleTrigger
from apscheduler.zones import local
from apscheduler.zones.names import known_names, suggestions

SEASONS = [datetime(2027, month, 15, tzinfo=UTC) for month in (1, 4, 7, 10)]
PREFIXES = [
    "/freeassociation.sourceforge.net/",
    "/freeassociation.sourceforge.net/Tzfile/",
    "/citadel.org/20190914_1/",
    "/mozilla.org/20050126_1/",
    "/softwarestudio.org/Olson_20011030_5/",
    "mozilla.org/20070129_1/",
    "/example.com/",
]


def clock(zone):
    return [moment.astimezone(zone).utcoffset() for moment in SEASONS]


@pytest.mark.parametrize("form", ["{}", '"{}"', " {} "])
def test_each_name_of_windows_is_the_zone_of_the_cldr(form):
    for name, key in win_tz.items():
        assert clock(astimezone(form.format(name))) == clock(ZoneInfo(key)), name


def test_names_of_windows_are_read_in_any_case():
    assert astimezone("w. europe standard time") == ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize("prefix", PREFIXES)
def test_the_unique_prefix_of_a_tzid_is_read_over(prefix):
    for name in known_names():
        assert clock(zone_named(prefix + name)) == clock(ZoneInfo(name)), name


def test_quotes_around_a_name_are_read_over():
    for name in known_names():
        assert clock(zone_named(f'"{name}"')) == clock(ZoneInfo(name)), name


@pytest.mark.parametrize(
    ("name", "minutes"),
    [
        ("GMT+01:00", 60),
        ('"GMT+01:00"', 60),
        ("GMT-0530", -330),
        ("UTC+05:45", 345),
        ("utc\N{MINUS SIGN}03:00", -180),
        ("GMT -05:00", -300),
        ("+0900", 540),
        ("-00:30", -30),
        ("UTC+00:00", 0),
    ],
)
def test_an_offset_with_minutes_is_ahead_of_utc_where_it_is_positive(name, minutes):
    assert astimezone(name) == timezone(timedelta(minutes=minutes))


@pytest.mark.parametrize("name", ["UTC+3", "GMT-3", "GMT+03", "utc +3", "+3", '"UTC+3"'])
def test_an_offset_that_is_read_in_two_ways_is_refused_with_both(name):
    with pytest.raises(ZoneInfoNotFoundError) as caught:
        astimezone(name)
    assert name in str(caught.value)
    assert "UTC+03:00" in str(caught.value)
    assert "UTC-03:00" in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "Etc/GMT+15",
            "GMT+25:00",
            "UTC+01:60",
            "CST-8",
            "EST5EDT4",
            "PDT",
            "CEST",
            "cest",
            "BST",
        ),
        *(
            "Central Time (US & Canada)",
            "Pacific Daylight Time",
            "Mars/Olympus",
            "Customized Time Zone",
        ),
        "(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna",
    ],
)
def test_nothing_is_suggested_that_may_have_another_offset_than_what_was_asked(name):
    with pytest.raises(ZoneInfoNotFoundError, match="expected a name of the tz database"):
        astimezone(name)


def test_a_misspelt_name_brings_only_suggestions_with_its_own_clock():
    pick = random.Random(4)
    missed = []
    for name in pick.sample(sorted(known_names() | win_tz.keys()), 120):
        place = pick.randrange(len(name))
        misspelt = name[:place] + name[place + 1 :]
        zone = zone_named(name)
        close = suggestions(misspelt)
        missed += [] if close else [name]
        assert all(clock(zone_named(each)) == clock(zone) for each in close), (misspelt, close)
    assert len(missed) < 50


ALL_NAMES = sorted(known_names() | win_tz.keys())
DIRECTIONS = ["East", "West", "North", "South", "Central"]
ENDINGS = ["ern", ".", ""]


def is_spelt(name: str, other: str) -> bool:
    return re.sub(r"[\s_/.-]", "", name.lower()) == re.sub(r"[\s_/.-]", "", other.lower())


def other_words(name: str):
    """Yield the name with another direction in it, a word more, or a word less."""
    for word in re.findall("[A-Za-z]+", name):
        for ending in ENDINGS:
            stems = [f"{each}{ending}" for each in DIRECTIONS]
            if word in stems:
                yield from (name.replace(word, stem, 1) for stem in stems if stem != word)
    for more in ("US", "AUS", "Mid", "New", "North", "E.", "Daylight"):
        yield f"{more} {name}"
        yield f"{more}-{name}"
    yield name.partition(" ")[2] or name.partition("_")[2] or name.partition("/")[2]


def test_another_word_is_no_slip():
    for name in ALL_NAMES:
        for other in other_words(name):
            alike = suggestions(other)
            assert all(is_spelt(each, other) or each.endswith(f"/{other}") for each in alike), other


def test_two_swapped_letters_bring_only_suggestions_with_the_names_own_clock():
    found = 0
    for name in ALL_NAMES:
        at = random.Random(name).randrange(len(name) - 1)
        swapped = name[:at] + name[at + 1] + name[at] + name[at + 2 :]
        if swapped in ALL_NAMES:
            continue
        close = suggestions(swapped)
        found += bool(close)
        assert all(clock(zone_named(each)) == clock(zone_named(name)) for each in close), swapped
    assert found > len(ALL_NAMES) / 2


def test_a_country_brings_no_clock_that_is_not_its_own():
    zones: dict[str, list[str]] = {}
    for line in table("zone.tab"):
        zones.setdefault(line[0], []).append(line[2])
    folders = ["", *sorted({name.partition("/")[0] + "/" for name in known_names() if "/" in name})]
    for code, country in table("iso3166.tab"):
        own = [clock(zone_named(each)) for each in zones.get(code, [])]
        for folder in folders:
            for each in suggestions(folder + country):
                assert clock(zone_named(each)) in own, (folder + country, each)


def table(name: str) -> list[list[str]]:
    text = files("tzdata").joinpath("zoneinfo", name).read_text("utf-8")
    return [line.split("\t") for line in text.splitlines() if line and line[0] != "#"]


@pytest.mark.parametrize(
    "name",
    [
        "Mid-Atlantic Standard Time",
        "Armenian Standard Time",
        "US Central Standard Time",
        "AUS Western",
        "AUS Western Standard Time",
        "Australia/East",
        "Kamchatka Standard Time",
        "Mexico Standard Time",
        "Mexico Standard Time 2",
        "Asia/China",
        "Europe/Lublin",
        "Iraq",
        "Laos",
        "West",
        "Eastern",
        "America/Cheyenne",
        "America/Kingstown",
        "America/Guiana",
        "Asia/Pacific",
    ],
)
def test_a_place_or_a_region_beside_a_zones_name_brings_nothing(name):
    assert suggestions(name) == []


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Berlin", "Europe/Berlin"),
        ("New York", "America/New_York"),
        ("america/new york", "America/New_York"),
        ("Romance Standard Tim", "Romance Standard Time"),
        ("etc/gmt+5", r"Etc/GMT\+5"),
        ("Europe/Berln", "Europe/Berlin"),
        ("Asia/Toyko", "Asia/Tokyo"),
        ("Europe Berlin", "Europe/Berlin"),
        ("America/NewYork", "America/New_York"),
        ("US Estern Standard Time", "US Eastern Standard Time"),
    ],
)
def test_what_is_close_is_suggested(name, meant):
    with pytest.raises(ZoneInfoNotFoundError, match=f"did you mean {meant}"):
        astimezone(name)


@pytest.mark.parametrize(
    "path", ["/etc/localtime", "../etc/passwd", "/example.com/nowhere", "/", "x/Europe/Berlin"]
)
def test_a_path_that_ends_in_no_name_is_refused(path):
    with pytest.raises((ZoneInfoNotFoundError, ValueError), match="there is no time zone"):
        zone_named(path)


def test_a_folder_of_zones_is_told_to_be_one():
    folders = {name[:at] for name in known_names() for at in range(len(name)) if name[at] == "/"}
    assert "America/Indiana" in folders
    for folder in folders - known_names():
        for name in (folder, folder.lower(), f"{folder}/"):
            with pytest.raises((ZoneInfoNotFoundError, ValueError)) as caught:
                zone_named(name)
            assert f"of that folder have names like {folder}/" in str(caught.value)
            assert "Errno" not in str(caught.value)


@pytest.mark.parametrize("name", ["right", "posix", "Europe/Berlin/x", "x" * 300, "Europe/" * 60])
def test_no_name_brings_an_error_of_the_file_system(name):
    with pytest.raises((ZoneInfoNotFoundError, ValueError)) as caught:
        zone_named(name)
    assert str(caught.value.args[0]).startswith("there is no time zone")
    assert "Errno" not in str(caught.value)


def test_data_that_counts_leap_seconds_is_not_used(monkeypatch):
    assert zone_named("right/Europe/Berlin") == ZoneInfo("Europe/Berlin")
    assert zone_named("right/UTC") == ZoneInfo("UTC")
    for given in ("right/Europe/Berlin", ":right/Europe/Berlin"):
        monkeypatch.setenv("TZ", given)
        assert local.find().zone == ZoneInfo("Europe/Berlin")
    with pytest.raises(ZoneInfoNotFoundError):
        zone_named("right/Europe/Berlim")


@pytest.mark.parametrize("line", ["DTSTART", "RDATE", "EXDATE"])
@pytest.mark.parametrize(
    ("tzid", "hour"),
    [
        ("W. Europe Standard Time", 8),
        ('"W. Europe Standard Time"', 8),
        ('"Europe/Berlin"', 8),
        ("/freeassociation.sourceforge.net/Europe/Berlin", 8),
        ('"GMT+01:00"', 8),
        ("GMT+01:00", 8),
        ("China Standard Time", 1),
    ],
)
def test_a_recurrence_reads_the_tzids_of_calendar_programs(line, tzid, hour):
    moment = f"{line};TZID={tzid}:20270115T090000"
    if line == "DTSTART":
        text = f"{moment}\nRRULE:FREQ=DAILY;COUNT=2"
    else:
        text = f"DTSTART:20270101T000000Z\nRRULE:FREQ=DAILY;COUNT=1\n{moment}"
    if line == "EXDATE":
        text += f"\nRDATE:20270115T{hour:02}0000Z,20270116T000000Z"
    times = [found.astimezone(UTC) for found in _times(RRuleTrigger(text))]
    assert (datetime(2027, 1, 15, hour, tzinfo=UTC) in times) is (line != "EXDATE")
    assert len(times) == 2


def _times(trigger):
    previous, now = None, datetime(2026, 12, 1, tzinfo=UTC)
    while previous := trigger.get_next_fire_time(previous, previous or now):
        yield previous


def test_a_trigger_and_a_scheduler_take_them_as_timezone():
    assert CronTrigger(hour=9, timezone="Tokyo Standard Time").timezone == ZoneInfo("Asia/Tokyo")
    assert BackgroundScheduler(timezone="GMT+01:00").timezone == timezone(timedelta(hours=1))
