"""What Redis does in one step each: every rule of the cache that needs two looks is a script.

An entry is `<version> <position> <state>`. Nothing is served unless somebody who hears of changes
has said so within the last five seconds; after a gap in that, however short, the era is another one
and with it every entry. Keys: see `Keys`.
"""

from dataclasses import dataclass

HEARD_MS = 5_000
FLIGHT_MS = 2_000

# KEYS heard, era, floor, flight, entry prefix and org in one: the entry's own key holds the era.
GET = """
if redis.call('EXISTS', KEYS[1]) == 0 then return {'closed'} end
local era = redis.call('GET', KEYS[2])
if not era then return {'closed'} end
local entry = KEYS[5] .. era
local held = redis.call('GET', entry)
if held then
    local version = tonumber(string.match(held, '^%d+'))
    local floor = tonumber(redis.call('GET', KEYS[3]) or '0')
    if version >= floor and version >= tonumber(ARGV[1]) then
        return {'held', era, held, redis.call('PTTL', entry)}
    end
end
if redis.call('SET', KEYS[4], era, 'NX', 'PX', ARGV[2]) then return {'read', era} end
return {'wait', era}
"""

# The floor is looked at in the same step in which the entry is written, or a fill that was read
# before a change would come in behind it.
PUT = """
redis.call('DEL', KEYS[4])
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
local version = tonumber(ARGV[2])
if version < tonumber(redis.call('GET', KEYS[3]) or '0') then return 0 end
local entry = KEYS[5] .. ARGV[1]
local held = redis.call('GET', entry)
if held and tonumber(string.match(held, '^%d+')) > version then return 0 end
redis.call('SET', entry, ARGV[3], 'PX', ARGV[4])
return 1
"""

MOVED = """
local floor = tonumber(redis.call('GET', KEYS[3]) or '0')
local version = tonumber(ARGV[1])
if version > floor then floor = version end
redis.call('SET', KEYS[3], string.format('%d', floor), 'PX', ARGV[2])
local era = redis.call('GET', KEYS[2])
if era then
    local entry = KEYS[5] .. era
    local held = redis.call('GET', entry)
    if held and tonumber(string.match(held, '^%d+')) < floor then redis.call('DEL', entry) end
end
return floor
"""

# What comes in afterwards was read from the database after somebody doubted what was here.
FORGET = """
local era = redis.call('GET', KEYS[2])
if era then redis.call('DEL', KEYS[5] .. era) end
return 1
"""

# KEYS heard, era. Who beats has passed on everything from one position up to another; where the
# last beat did not reach as far as the first of them, something may have been missed by all.
BEAT = """
local heard = redis.call('GET', KEYS[1])
if ARGV[3] == '1' or not heard or tonumber(heard) < tonumber(ARGV[1]) then
    local now = redis.call('TIME')
    redis.call('SET', KEYS[2], now[1] .. '-' .. now[2])
    heard = '0'
end
if tonumber(heard) < tonumber(ARGV[2]) then heard = ARGV[2] end
redis.call('SET', KEYS[1], heard, 'PX', ARGV[4])
return 1
"""


@dataclass(frozen=True, slots=True)
class Keys:
    """The names in Redis; the prefix lets several ledgers share one. Never rename."""

    prefix: str

    @property
    def heard(self) -> str:
        return f"{self.prefix}ledger:heard"

    @property
    def era(self) -> str:
        return f"{self.prefix}ledger:era"

    def of(self, org: str) -> list[str]:
        """All that a script about one org is given."""
        start = f"{self.prefix}ledger:org:{org}:"
        return [self.heard, self.era, f"{start}floor", f"{start}flight", f"{start}entry:"]
