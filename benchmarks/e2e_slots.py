"""What an E2E text must say, as two checkers that were written apart.

`slots` and `check` build on campaigns.content.slots, as the product does: patterns for each value,
written from the development set's texts. They select. `read` and `audit` share no pattern with
them: they note each word that could give a value with its place, and give "high", "low", "average"
and their like to the nearest word for price or for rating. They only judge.

Both are strict about figures: "cheap" does not say "less than £20", and "5 out of 5" said for
"high" is a figure nobody gave.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from campaigns.content.slots import Errors, Slot, errors

Attributes = Mapping[str, str]  # {"name": "The Mill", "priceRange": "less than £20", ...}
SLOTS = (
    "name", "eatType", "food", "priceRange", "customer rating", "area", "familyFriendly", "near",
)  # fmt: skip
CUISINES = (
    "American", "Arabic", "Asian", "Cuban", "European", "German", "Greek", "Irish", "Korean",
    "Mediterranean", "Mexican", "Portuguese", "Russian", "Scottish", "Spanish", "Thai", "Turkish",
    "Vietnamese",
)  # fmt: skip


def attributes(line: str) -> dict[str, str]:
    """The values of a line such as `name[The Mill], food[English]`."""
    return {key.strip(): value for key, value in re.findall(r"([^,\[]+)\[([^\]]*)\]", line)}


# -- the checker that selects --------------------------------------------------------------------

GAP = r"(?:(?!pric|cost|rat(?:ed|ing|es?\b)|and\b|but\b|with\b|it\b)[\w']+[\s-]+){0,4}?"
PRICE, RATING = (
    r"(?:pric|cost)\w*",
    r"(?:rat(?:ed?|es|ings?)\b|review|recommend|regard|customer|scor)\w*",
)
NOT_PRICE = r"(?![\s-]+(?:pric|cost|end\b|class))"
NOT_RATING = r"(?![\s-]+(?:customer|rat(?:ed|ing)|review))"


def _of(cue: str, words: str, *, tail: str = "") -> tuple[str, ...]:
    """A word for a degree before its cue ("high customer rating") or after it ("rated high")."""
    return (
        rf"\b(?:{words})[\s-]+{GAP}{cue}",
        rf"\b{cue}[\s:-]+{GAP}(?:(?:it|is|are|them|this)\s+)?(?:an?\s+|as\s+|very\s+)*(?:{words})\b{tail}",
    )


def _figure(n: int, word: str) -> tuple[str, ...]:
    each = rf"(?:{n}|{word})"
    return (
        rf"\b{each}\W*(?:stars?\W+)?(?:out\W*)?of\W*(?:a\W+possible\W+)?(?:5|five)\b",
        rf"\b{n}\s*/\s*5\b",
        rf"\b{each}[\s-]*star",
        rf"\brat(?:ed|ings?)\s+(?:(?:of|as|at|is|a|an)\s+)*{each}\b",
    )


BELOW = r"(?:less|lower|cheaper|no more|not more)\s+th[ae]n|under|below|up\s+to|sub"
ABOVE = r"(?:more|higher|greater)\s+th[ae]n|over|above|upwards?\s+of|exceed\w*"
MONEY = r"[\s-]*(?:a\s+|of\s+)?£?\s*"
WAYS: dict[str, dict[str, tuple[str, ...]]] = {
    "eatType": {
        "coffee shop": (r"\bcoffee[\s-]*(?:shop|house|bar)s?\b", r"\bcaf[eé]s?\b"),
        "pub": (r"\bpubs?\b", r"\bpublic house\b"),
        "restaurant": (r"\brestaurants?\b",),
    },
    "food": {
        "Chinese": (r"\bchinese?\b",),
        "English": (r"\benglish\b", r"\bbritish\b"),
        "Fast food": (r"\bfast[\s-]*foods?\b",),
        "French": (r"\bfrench\b",),
        "Indian": (r"\bindian\b",),
        "Italian": (r"\bitalian\b",),
        "Japanese": (r"\bjapanese\b", r"\bsushi\b"),
    },
    "priceRange": {
        "less than £20": (
            rf"\b(?:{BELOW}){MONEY}(?:20|twenty)\b(?!\s*(?:-|–|to|and)\s*£?\s*(?:25|30))",
        ),
        "£20-25": (
            r"£?\s*\b(?:20|twenty)\W*(?:pounds?\s*)?(?:[-–]|to|and|through)\s*£?\s*(?:25|twenty[\s-]five)\b",
        ),
        "more than £30": (rf"\b(?:{ABOVE}){MONEY}(?:30|thirty)\b", r"£\s*30\s*(?:\+|plus|and\s+up)"),
        "cheap": (
            r"\bcheap(?:ly|er|est)?\b", r"\binexpensive(?:ly)?\b", r"\baffordabl[ey]\b",
            r"\bbudget\b", *_of(PRICE, "low|lower|lowest|good value|great", tail=NOT_RATING),
        ),
        "moderate": _of(
            f"(?:{PRICE}|expensive)",
            "moderate|moderately|mid|middle|medium|average|averagely|reasonable|reasonably|fair|fairly",
            tail=NOT_RATING,
        ),
        "high": (
            r"\b(?<!moderately )(?<!not )expensive\b", r"\bpric(?:e?y|ier)\b", r"\bcostly\b",
            r"\bhigh[\s-]+end\b", r"\bupscale\b", *_of(PRICE, "high|highly|higher|upper|steep", tail=NOT_RATING),
        ),
    },
    "customer rating": {
        "1 out of 5": _figure(1, "one"), "3 out of 5": _figure(3, "three"),
        "5 out of 5": _figure(5, "five"),
        "low": _of(RATING, "low|lowly|lower|lowest|poor|poorly|bad|badly|terribly", tail=NOT_PRICE),
        "average": _of(
            RATING, "average|averagely|moderate|moderately|mediocre|decent|medium|ok|fair",
            tail=NOT_PRICE,
        ),
        "high": _of(
            RATING, "high|highly|higher|highest|top|well|excellent|great|good|outstanding",
            tail=NOT_PRICE,
        ),
    },
    "area": {
        "city centre": (
            r"\b(?:city|town)(?:'s)?[\s-]*cent(?:re|er)\b",
            r"\bcent(?:re|er)\W+(?:of\s+)?(?:the\s+)?(?:city|town|cambridge)", r"\bdowntown\b",
            r"\bheart\s+of\s+the\s+city\b", r"\bcentral(?:ly)?\b",
        ),
        "riverside": (r"\briver\w*\b",),
    },
    "familyFriendly": {
        "yes": (r"\b(?:famil|kid|child)\w*(?:[\s-]*(?:friendly|oriented|welcome))?",),
        "no": (r"\bwithout_families\b",),
    },
}  # fmt: skip
# what another slot's value may say too: an exact figure may be called by its name besides
KIN = {
    "less than £20": "cheap", "£20-25": "moderate", "more than £30": "high",
    "1 out of 5": "low", "3 out of 5": "average", "5 out of 5": "high",
}  # fmt: skip
STRANGE = {
    "food": (rf"\b(?:{'|'.join(CUISINES)})\b",),
    "priceRange": (r"[£$€]\s*\d", r"\b\d+\s*(?:pounds?|dollars?|euros?)\b"),
    "customer rating": (r"\b\w+\s+(?:out\s+)?of\s+(?:5|five|10|ten)\b", r"\b(?:\d|two|four)[\s-]*star"),
}  # fmt: skip
FAMILY = r"(?:famil|kid|child)\w*(?:[\s-]+(?:friendly|oriented))?"
STEP = r"(?:(?!and\b|but\b|it\b|with\b)[\w']+[\s-]+){0,5}?"
NO_FAMILY = re.compile(
    rf"(?:\bnot(?!\s+only)|\b(?:is|are|do|does|was|were|wo|ca|should)n['’]?t|\bnon|\bno|\bnever|\bunsuitable|\bun|\blacks?)\b[\s-]*{STEP}{FAMILY}"
    rf"|\bun{FAMILY}"
    rf"|{FAMILY}:?\s+(?:(?!and\b|but\b|it\b|with\b|near\b|in\b)[\w']+\s+){{0,2}}?(?:not|\w+n['’]t|no|unwelcome)\b"
    r"|\badults?(?:[\s-]+only)?\b|\bleave\s+the\s+(?:kids|children)\b",
    re.IGNORECASE,
)
ELSEWHERE = re.compile(
    r"\b(?:outside|out|north|south|east|west|away|far|not)\s+(?:of\s+|from\s+|in\s+|near\s+)*(?:the\s+)?"
    r"(?:cambridge\s+)?(?:city|town|river\w*)(?:[\s-]*cent(?:re|er))?",
    re.IGNORECASE,
)
COMPARED = (
    (re.compile(r"\b(?:below|lower\s+than|less\s+than|under)[\s-]+average\b", re.IGNORECASE), "low"),
    (re.compile(r"\b(?:above|higher\s+than|more\s+than)[\s-]+average\b", re.IGNORECASE), "high"),
)  # fmt: skip


def _named(value: str) -> str:
    """A name as a pattern: "The" may be left out, accents may be missing."""
    words = [re.escape(w).replace("é", "[eé]") for w in value.split()]
    if words[0].lower() == "the" and len(words) > 1:
        return r"\b(?:the\s+)?" + r"\s+".join(words[1:]) + r"\b"
    return r"\b" + r"\s+".join(words) + r"\b"


def slots(*, given: Attributes, names: Iterable[str]) -> tuple[tuple[Slot, ...], tuple[Slot, ...]]:
    """The slots that are names, to be looked for in the text as it is, and the others, to be looked
    for in what `plain` leaves. `names` are all that the data knows: no other may be said."""
    own = " ".join(given.get(key, "") for key in ("name", "near")).lower()
    strangers = tuple(rf"\b{re.escape(n)}\b" for n in sorted(set(names)) if n.lower() not in own)
    proper = [Slot("name", (_named(given["name"]),), strangers)]
    if "near" in given:
        proper.append(Slot("near", (_named(given["near"]),)))
    common = []
    for key, values in WAYS.items():
        value = given.get(key, "")
        allowed = {value, KIN.get(value, value)}
        others = [way for other, ways in values.items() if other not in allowed for way in ways]
        common.append(Slot(key, values.get(value, ()), (*others, *STRANGE.get(key, ()))))
    return tuple(proper), tuple(common)


def plain(*, text: str, given: Attributes) -> str:
    """The text without its names ("Raja Indian Cuisine" is no Indian food), and with what is denied
    in a word of its own: `errors` takes ways out first, so a way must not stand in its denial."""
    for key in ("name", "near"):
        if key in given:
            text = re.sub(_named(given[key]), " it ", text, flags=re.IGNORECASE)
    for pattern, degree in COMPARED:
        text = pattern.sub(degree, text)
    return ELSEWHERE.sub("elsewhere", NO_FAMILY.sub(" without_families ", text))


def check(*, text: str, given: Attributes, names: Iterable[str]) -> Errors:
    """Slots of `given` that the text misses, and slots it says wrongly or without being given."""
    proper, common = slots(given=given, names=names)
    first, second = errors(text, proper), errors(plain(text=text, given=given), common)
    return Errors(
        first.missing + second.missing, first.wrong + second.wrong, first.slots + second.slots
    )


# -- the checker that only judges ----------------------------------------------------------------

WORDS = re.compile(r"without|[£$€]?\d+(?:[.,]\d+)?|[a-zéà]+(?:['’][a-z]+)?")
CUES = {
    "price": "priceRange", "prices": "priceRange", "priced": "priceRange", "pricing": "priceRange",
    "cost": "priceRange", "costs": "priceRange", "costing": "priceRange", "range": "priceRange",
    "end": "priceRange",
    "rating": "customer rating", "ratings": "customer rating", "rated": "customer rating",
    "rate": "customer rating", "rates": "customer rating", "reviews": "customer rating",
    "review": "customer rating", "reviewed": "customer rating", "customer": "customer rating",
    "customers": "customer rating", "recommended": "customer rating",
}  # fmt: skip
DEGREES = {
    "high": "high", "highly": "high", "higher": "high", "excellent": "high", "great": "high",
    "low": "low", "lower": "low", "lowly": "low", "poor": "low", "poorly": "low", "bad": "low",
    "average": "average", "moderate": "average", "moderately": "average", "mid": "average",
    "medium": "average", "reasonable": "average", "reasonably": "average", "fair": "average",
}  # fmt: skip
BY_PRICE = {"high": "high", "low": "cheap", "average": "moderate"}
ALONE = {
    "cheap": ("priceRange", "cheap"), "cheaply": ("priceRange", "cheap"),
    "inexpensive": ("priceRange", "cheap"), "affordable": ("priceRange", "cheap"),
    "expensive": ("priceRange", "high"), "pricey": ("priceRange", "high"),
    "pub": ("eatType", "pub"), "pubs": ("eatType", "pub"), "bar": ("eatType", "pub"),
    "restaurant": ("eatType", "restaurant"), "restaurants": ("eatType", "restaurant"),
    "coffee": ("eatType", "coffee shop"), "cafe": ("eatType", "coffee shop"),
    "café": ("eatType", "coffee shop"), "bistro": ("eatType", "restaurant"),
    "chinese": ("food", "Chinese"), "english": ("food", "English"), "british": ("food", "English"),
    "french": ("food", "French"), "indian": ("food", "Indian"), "italian": ("food", "Italian"),
    "japanese": ("food", "Japanese"), "fast": ("food", "Fast food"),
    "riverside": ("area", "riverside"), "riverfront": ("area", "riverside"), "river": ("area", "riverside"),
    "centre": ("area", "city centre"), "center": ("area", "city centre"),
    **{cuisine.lower(): ("food", cuisine) for cuisine in CUISINES},
}  # fmt: skip
NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "twenty": 20, "thirty": 30}
YOUNG = ("famil", "kid", "child")
DENIALS = {"not", "no", "non", "never", "without", "nor", "cannot"}
NEARNESS = {
    "near", "nearby", "close", "next", "beside", "by", "besides", "opposite", "around", "vicinity", "proximity",
    "adjacent", "along", "alongside", "across", "from", "neighbouring", "off", "at", "outside",
}  # fmt: skip


def _number(word: str) -> int | None:
    digits = word.lstrip("£$€")
    return int(digits) if digits.isdigit() else NUMBERS.get(word)


def _figures(words: list[str]) -> set[tuple[str, str]]:
    """Prices and ratings that are numbers, by the words around each."""
    found = set()
    for i, word in enumerate(words):
        n, after, before = _number(word), words[i + 1 : i + 4], words[max(0, i - 3) : i]
        if n is None:
            continue
        if n <= 5:
            rated = "of" in after[:2] or "star" in after[:1] or "stars" in after[:1]
            rated = rated or bool({"rated", "rating", "ratings"} & set(before))
            if rated and not (before[-1:] == ["of"] and any(_number(w) for w in before[:-1])):
                found.add(("customer rating", f"{n} out of 5"))
        elif n == 20 and (set(before) & {"less", "under", "below", "lower", "cheaper"}):
            found.add(("priceRange", "less than £20"))
        elif n == 30 and (set(before) & {"more", "over", "above", "higher", "greater", "exceeds"}):
            found.add(("priceRange", "more than £30"))
        elif n == 20 and any(_number(w) in {25, 5} for w in after):
            found.add(("priceRange", "£20-25"))
        elif not (n == 25 and "20" in "".join(before)) and not (n == 5 and "of" in before):
            found.add(("priceRange", word))
    return found


def _degrees(words: list[str]) -> set[tuple[str, str]]:
    """Each word for a degree, given to the nearest cue; a cue behind it is nearer than one before.
    A degree more than six words from any cue says nothing."""
    found = set()
    for i, word in enumerate(words):
        if word not in DEGREES or words[max(0, i - 1) : i] == ["than"]:
            continue
        reach = [(abs(j - i) - 0.5 * (j > i), CUES[w]) for j, w in enumerate(words) if w in CUES]
        distance, slot = min(reach, default=(99, ""))
        if distance <= 6:
            degree = DEGREES[word]
            found.add((slot, BY_PRICE[degree] if slot == "priceRange" else degree))
    return found


def _families(words: list[str]) -> set[tuple[str, str]]:
    """Whether the young are welcome: a denial anywhere in the clause turns it round."""
    if "adults" in words or "adult" in words:
        return {("familyFriendly", "no")}
    places = [i for i, word in enumerate(words) if word.startswith(YOUNG)]
    if not places:
        return set()
    denied = any(w in DENIALS or w.endswith(("n't", "n’t")) for w in words)
    return {("familyFriendly", "no" if denied else "yes")}


def read(text: str) -> set[tuple[str, str]]:
    """The (slot, value) pairs that a text without its names says."""
    found = set()
    for sentence in re.split(r"[.!?;]\s|\n", text.lower()):
        words = WORDS.findall(sentence)
        found |= {ALONE[w] for w in words if w in ALONE} | _figures(words)
        for clause in re.split(r",|\band\b|\bbut\b|\bwith\b", sentence):
            said = WORDS.findall(clause)
            found |= _families(said) | _degrees(said)
    return found


def _called(*, text: str, given: Attributes, names: Iterable[str]) -> Errors:
    """The names: letter by letter, the neighbour after a word of nearness, no third name."""
    missing, wrong, slots_ = [], [], 1
    if given["name"] not in text:
        missing.append("name")
    if "near" in given:
        slots_ = 2
        before = WORDS.findall(text.lower().split(given["near"].lower())[0])[-5:]
        if given["near"] not in text:
            missing.append("near")
        elif not (NEARNESS & set(before) or "nearby" in text.lower()):
            wrong.append("near")
    own = f"{given['name']} {given.get('near', '')}"
    if any(name in text for name in names if name not in own):
        wrong.append("name")
    return Errors(tuple(missing), tuple(wrong), slots_)


def audit(*, text: str, given: Attributes, names: Iterable[str]) -> Errors:
    """As `check`, by `read`."""
    called = _called(text=text, given=given, names=names)
    for key in ("name", "near"):
        text = text.replace(given.get(key, "\0"), "it")
    said = read(text)
    missing, wrong = list(called.missing), list(called.wrong)
    for slot in SLOTS[1:-1]:
        values = {value for key, value in said if key == slot}
        if slot in given and given[slot] not in values:
            missing.append(slot)
        value = given.get(slot, "")
        if values - {value, KIN.get(value, value)}:
            wrong.append(slot)
    count = called.slots + sum(slot in given for slot in SLOTS[1:-1])
    return Errors(tuple(missing), tuple(wrong), count)
