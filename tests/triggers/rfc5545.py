"""The examples of RFC 5545, section 3.8.5.3: each recurrence with the dates that the standard prints.

Fire times are written as "YYYY MM: days" groups at the time of DTSTART, or as "MM-DD HH:MM" lists. ``...`` at the end of
the standard's list means that the recurrence goes on.
"""

from __future__ import annotations

from datetime import datetime, timedelta

NINE = "DTSTART;TZID=America/New_York:19970902T090000\n"


def days(text: str) -> list[datetime]:
    """Return the moments of lines such as ``1997 09: 2 3 4`` at nine o'clock."""
    found = []
    for group in text.split(";"):
        head, _, numbers = group.partition(":")
        year, month = map(int, head.split())
        found += [datetime(year, month, int(number), 9) for number in numbers.split()]
    return found


def span(first: tuple[int, int, int], last: tuple[int, int, int], step: int = 1) -> list[datetime]:
    moment, end, found = datetime(*first, 9), datetime(*last, 9), []
    while moment <= end:
        found.append(moment)
        moment += timedelta(days=step)
    return found


def times(day: tuple[int, int, int], text: str) -> list[datetime]:
    return [datetime(*day, *map(int, each.split(":"))) for each in text.split()]


def every(first: str, last: str, minutes: int, day: tuple[int, int, int]) -> list[datetime]:
    (moment,), (end,), found = times(day, first), times(day, last), []
    while moment <= end:
        found.append(moment)
        moment += timedelta(minutes=minutes)
    return found


JANUARY = [datetime(year, 1, day, 9) for year in (1998, 1999, 2000) for day in range(1, 32)]

# name, recurrence, fire times, whether it ends with them
EXAMPLES = [
    (
        "daily for 10 occurrences",
        NINE + "RRULE:FREQ=DAILY;COUNT=10",
        days("1997 9: 2 3 4 5 6 7 8 9 10 11"),
        True,
    ),
    (
        "daily until December 24, 1997",
        NINE + "RRULE:FREQ=DAILY;UNTIL=19971224T000000Z",
        span((1997, 9, 2), (1997, 12, 23)),
        True,
    ),
    (
        "every other day, forever",
        NINE + "RRULE:FREQ=DAILY;INTERVAL=2",
        span((1997, 9, 2), (1997, 12, 3), 2),
        False,
    ),
    (
        "every 10 days, 5 occurrences",
        NINE + "RRULE:FREQ=DAILY;INTERVAL=10;COUNT=5",
        days("1997 9: 2 12 22; 1997 10: 2 12"),
        True,
    ),
    (
        "every day in January, for 3 years (yearly)",
        (
            "DTSTART;TZID=America/New_York:19980101T090000\n"
            "RRULE:FREQ=YEARLY;UNTIL=20000131T140000Z;BYMONTH=1;BYDAY=SU,MO,TU,WE,TH,FR,SA"
        ),
        JANUARY,
        True,
    ),
    (
        "every day in January, for 3 years (daily)",
        (
            "DTSTART;TZID=America/New_York:19980101T090000\n"
            "RRULE:FREQ=DAILY;UNTIL=20000131T140000Z;BYMONTH=1"
        ),
        JANUARY,
        True,
    ),
    (
        "weekly for 10 occurrences",
        NINE + "RRULE:FREQ=WEEKLY;COUNT=10",
        days("1997 9: 2 9 16 23 30; 1997 10: 7 14 21 28; 1997 11: 4"),
        True,
    ),
    (
        "weekly until December 24, 1997",
        NINE + "RRULE:FREQ=WEEKLY;UNTIL=19971224T000000Z",
        days("1997 9: 2 9 16 23 30; 1997 10: 7 14 21 28; 1997 11: 4 11 18 25; 1997 12: 2 9 16 23"),
        True,
    ),
    (
        "every other week, forever",
        NINE + "RRULE:FREQ=WEEKLY;INTERVAL=2;WKST=SU",
        days(
            "1997 9: 2 16 30; 1997 10: 14 28; 1997 11: 11 25; 1997 12: 9 23; 1998 1: 6 20; 1998 2: 3 17"
        ),
        False,
    ),
    (
        "weekly on Tuesday and Thursday for 5 weeks (until)",
        NINE + "RRULE:FREQ=WEEKLY;UNTIL=19971007T000000Z;WKST=SU;BYDAY=TU,TH",
        days("1997 9: 2 4 9 11 16 18 23 25 30; 1997 10: 2"),
        True,
    ),
    (
        "weekly on Tuesday and Thursday for 5 weeks (count)",
        NINE + "RRULE:FREQ=WEEKLY;COUNT=10;WKST=SU;BYDAY=TU,TH",
        days("1997 9: 2 4 9 11 16 18 23 25 30; 1997 10: 2"),
        True,
    ),
    (
        "every other week on Monday, Wednesday and Friday until December 24, 1997",
        (
            "DTSTART;TZID=America/New_York:19970901T090000\n"
            "RRULE:FREQ=WEEKLY;INTERVAL=2;UNTIL=19971224T000000Z;WKST=SU;BYDAY=MO,WE,FR"
        ),
        days(
            "1997 9: 1 3 5 15 17 19 29; 1997 10: 1 3 13 15 17 27 29 31; "
            "1997 11: 10 12 14 24 26 28; 1997 12: 8 10 12 22"
        ),
        True,
    ),
    (
        "every other week on Tuesday and Thursday, for 8 occurrences",
        NINE + "RRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH",
        days("1997 9: 2 4 16 18 30; 1997 10: 2 14 16"),
        True,
    ),
    (
        "monthly on the first Friday for 10 occurrences",
        "DTSTART;TZID=America/New_York:19970905T090000\nRRULE:FREQ=MONTHLY;COUNT=10;BYDAY=1FR",
        days(
            "1997 9: 5; 1997 10: 3; 1997 11: 7; 1997 12: 5; 1998 1: 2; 1998 2: 6; 1998 3: 6; "
            "1998 4: 3; 1998 5: 1; 1998 6: 5"
        ),
        True,
    ),
    (
        "monthly on the first Friday until December 24, 1997",
        (
            "DTSTART;TZID=America/New_York:19970905T090000\n"
            "RRULE:FREQ=MONTHLY;UNTIL=19971224T000000Z;BYDAY=1FR"
        ),
        days("1997 9: 5; 1997 10: 3; 1997 11: 7; 1997 12: 5"),
        True,
    ),
    (
        "every other month on the first and last Sunday for 10 occurrences",
        (
            "DTSTART;TZID=America/New_York:19970907T090000\n"
            "RRULE:FREQ=MONTHLY;INTERVAL=2;COUNT=10;BYDAY=1SU,-1SU"
        ),
        days("1997 9: 7 28; 1997 11: 2 30; 1998 1: 4 25; 1998 3: 1 29; 1998 5: 3 31"),
        True,
    ),
    (
        "monthly on the second-to-last Monday for 6 months",
        "DTSTART;TZID=America/New_York:19970922T090000\nRRULE:FREQ=MONTHLY;COUNT=6;BYDAY=-2MO",
        days("1997 9: 22; 1997 10: 20; 1997 11: 17; 1997 12: 22; 1998 1: 19; 1998 2: 16"),
        True,
    ),
    (
        "monthly on the third-to-the-last day of the month, forever",
        "DTSTART;TZID=America/New_York:19970928T090000\nRRULE:FREQ=MONTHLY;BYMONTHDAY=-3",
        days("1997 9: 28; 1997 10: 29; 1997 11: 28; 1997 12: 29; 1998 1: 29; 1998 2: 26"),
        False,
    ),
    (
        "monthly on the 2nd and 15th of the month for 10 occurrences",
        NINE + "RRULE:FREQ=MONTHLY;COUNT=10;BYMONTHDAY=2,15",
        days("1997 9: 2 15; 1997 10: 2 15; 1997 11: 2 15; 1997 12: 2 15; 1998 1: 2 15"),
        True,
    ),
    (
        "monthly on the first and last day of the month for 10 occurrences",
        "DTSTART;TZID=America/New_York:19970930T090000\nRRULE:FREQ=MONTHLY;COUNT=10;BYMONTHDAY=1,-1",
        days("1997 9: 30; 1997 10: 1 31; 1997 11: 1 30; 1997 12: 1 31; 1998 1: 1 31; 1998 2: 1"),
        True,
    ),
    (
        "every 18 months on the 10th thru 15th of the month for 10 occurrences",
        (
            "DTSTART;TZID=America/New_York:19970910T090000\n"
            "RRULE:FREQ=MONTHLY;INTERVAL=18;COUNT=10;BYMONTHDAY=10,11,12,13,14,15"
        ),
        days("1997 9: 10 11 12 13 14 15; 1999 3: 10 11 12 13"),
        True,
    ),
    (
        "every Tuesday, every other month",
        NINE + "RRULE:FREQ=MONTHLY;INTERVAL=2;BYDAY=TU",
        days(
            "1997 9: 2 9 16 23 30; 1997 11: 4 11 18 25; 1998 1: 6 13 20 27; 1998 3: 3 10 17 24 31"
        ),
        False,
    ),
    (
        "yearly in June and July for 10 occurrences",
        "DTSTART;TZID=America/New_York:19970610T090000\nRRULE:FREQ=YEARLY;COUNT=10;BYMONTH=6,7",
        days(
            "1997 6: 10; 1997 7: 10; 1998 6: 10; 1998 7: 10; 1999 6: 10; 1999 7: 10; "
            "2000 6: 10; 2000 7: 10; 2001 6: 10; 2001 7: 10"
        ),
        True,
    ),
    (
        "every other year on January, February, and March for 10 occurrences",
        (
            "DTSTART;TZID=America/New_York:19970310T090000\n"
            "RRULE:FREQ=YEARLY;INTERVAL=2;COUNT=10;BYMONTH=1,2,3"
        ),
        days(
            "1997 3: 10; 1999 1: 10; 1999 2: 10; 1999 3: 10; 2001 1: 10; 2001 2: 10; 2001 3: 10; "
            "2003 1: 10; 2003 2: 10; 2003 3: 10"
        ),
        True,
    ),
    (
        "every third year on the 1st, 100th, and 200th day for 10 occurrences",
        (
            "DTSTART;TZID=America/New_York:19970101T090000\n"
            "RRULE:FREQ=YEARLY;INTERVAL=3;COUNT=10;BYYEARDAY=1,100,200"
        ),
        days(
            "1997 1: 1; 1997 4: 10; 1997 7: 19; 2000 1: 1; 2000 4: 9; 2000 7: 18; "
            "2003 1: 1; 2003 4: 10; 2003 7: 19; 2006 1: 1"
        ),
        True,
    ),
    (
        "every 20th Monday of the year, forever",
        "DTSTART;TZID=America/New_York:19970519T090000\nRRULE:FREQ=YEARLY;BYDAY=20MO",
        days("1997 5: 19; 1998 5: 18; 1999 5: 17"),
        False,
    ),
    (
        "Monday of week number 20, forever",
        "DTSTART;TZID=America/New_York:19970512T090000\nRRULE:FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO",
        days("1997 5: 12; 1998 5: 11; 1999 5: 17"),
        False,
    ),
    (
        "every Thursday in March, forever",
        "DTSTART;TZID=America/New_York:19970313T090000\nRRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=TH",
        days("1997 3: 13 20 27; 1998 3: 5 12 19 26; 1999 3: 4 11 18 25"),
        False,
    ),
    (
        "every Thursday, but only during June, July, and August, forever",
        "DTSTART;TZID=America/New_York:19970605T090000\nRRULE:FREQ=YEARLY;BYDAY=TH;BYMONTH=6,7,8",
        days(
            "1997 6: 5 12 19 26; 1997 7: 3 10 17 24 31; 1997 8: 7 14 21 28; "
            "1998 6: 4 11 18 25; 1998 7: 2 9 16 23 30; 1998 8: 6 13 20 27; "
            "1999 6: 3 10 17 24; 1999 7: 1 8 15 22 29; 1999 8: 5 12 19 26"
        ),
        False,
    ),
    (
        "every Friday the 13th, forever",
        NINE
        + "EXDATE;TZID=America/New_York:19970902T090000\nRRULE:FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13",
        days("1998 2: 13; 1998 3: 13; 1998 11: 13; 1999 8: 13; 2000 10: 13"),
        False,
    ),
    (
        "the first Saturday that follows the first Sunday of the month, forever",
        (
            "DTSTART;TZID=America/New_York:19970913T090000\n"
            "RRULE:FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13"
        ),
        days(
            "1997 9: 13; 1997 10: 11; 1997 11: 8; 1997 12: 13; 1998 1: 10; 1998 2: 7; 1998 3: 7; "
            "1998 4: 11; 1998 5: 9; 1998 6: 13"
        ),
        False,
    ),
    (
        "every 4 years, the first Tuesday after a Monday in November, forever (U.S. elections)",
        (
            "DTSTART;TZID=America/New_York:19961105T090000\n"
            "RRULE:FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8"
        ),
        days("1996 11: 5; 2000 11: 7; 2004 11: 2"),
        False,
    ),
    (
        "the third instance into the month of one of Tuesday, Wednesday, or Thursday, 3 months",
        (
            "DTSTART;TZID=America/New_York:19970904T090000\n"
            "RRULE:FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3"
        ),
        days("1997 9: 4; 1997 10: 7; 1997 11: 6"),
        True,
    ),
    (
        "the second-to-last weekday of the month",
        (
            "DTSTART;TZID=America/New_York:19970929T090000\n"
            "RRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2"
        ),
        days(
            "1997 9: 29; 1997 10: 30; 1997 11: 27; 1997 12: 30; 1998 1: 29; 1998 2: 26; 1998 3: 30"
        ),
        False,
    ),
    (
        # The standard prints UNTIL=19970902T170000Z, which is 1 PM in New York: the dates it prints need 21:00 UTC (5 PM).
        "every 3 hours from 9:00 AM to 5:00 PM on a specific day",
        NINE + "RRULE:FREQ=HOURLY;INTERVAL=3;UNTIL=19970902T210000Z",
        times((1997, 9, 2), "9:00 12:00 15:00"),
        True,
    ),
    (
        "every 15 minutes for 6 occurrences",
        NINE + "RRULE:FREQ=MINUTELY;INTERVAL=15;COUNT=6",
        times((1997, 9, 2), "9:00 9:15 9:30 9:45 10:00 10:15"),
        True,
    ),
    (
        "every hour and a half for 4 occurrences",
        NINE + "RRULE:FREQ=MINUTELY;INTERVAL=90;COUNT=4",
        times((1997, 9, 2), "9:00 10:30 12:00 13:30"),
        True,
    ),
    (
        "every 20 minutes from 9:00 AM to 4:40 PM every day (daily)",
        NINE + "RRULE:FREQ=DAILY;BYHOUR=9,10,11,12,13,14,15,16;BYMINUTE=0,20,40",
        every("9:00", "16:40", 20, (1997, 9, 2)) + every("9:00", "16:40", 20, (1997, 9, 3)),
        False,
    ),
    (
        "every 20 minutes from 9:00 AM to 4:40 PM every day (minutely)",
        NINE + "RRULE:FREQ=MINUTELY;INTERVAL=20;BYHOUR=9,10,11,12,13,14,15,16",
        every("9:00", "16:40", 20, (1997, 9, 2)) + every("9:00", "16:40", 20, (1997, 9, 3)),
        False,
    ),
    (
        "where the days generated makes a difference because of WKST (Monday)",
        (
            "DTSTART;TZID=America/New_York:19970805T090000\n"
            "RRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO"
        ),
        days("1997 8: 5 10 19 24"),
        True,
    ),
    (
        "where the days generated makes a difference because of WKST (Sunday)",
        (
            "DTSTART;TZID=America/New_York:19970805T090000\n"
            "RRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU"
        ),
        days("1997 8: 5 17 19 31"),
        True,
    ),
    (
        "an invalid date (February 30) is ignored",
        (
            "DTSTART;TZID=America/New_York:20070115T090000\n"
            "RRULE:FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5"
        ),
        days("2007 1: 15 30; 2007 2: 15; 2007 3: 15 30"),
        True,
    ),
]
