"""The words by which claims are found: one pattern a kind. Data, no logic."""

from __future__ import annotations

import re

NUMBERS = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "a dozen": 12, "twenty": 20, "thirty": 30, "fifty": 50,
    "a hundred": 100, "hundred": 100, "a thousand": 1000, "thousand": 1000,
}  # fmt: skip
PERCENT = re.compile(
    rf"(\d{{1,12}}(?:[.,]\d{{1,4}})?|\b(?:{'|'.join(NUMBERS)}))\s?(?:%|percent\b)", re.IGNORECASE
)
MONEY = re.compile(
    r"(?:(?P<pre>[$€£¥]|EUR|USD|GBP|CNY)\s?(?P<a>\d[\d.,]{0,14})|(?P<b>\d[\d.,]{0,14})\s?"
    r"(?P<post>[$€£¥]|EUR|USD|GBP|CNY|euros?|dollars?)\b)",
    re.IGNORECASE,
)
DATE = re.compile(
    r"\b(?:\d{4}-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}[./]\d{2,4}"
    r"|(?:january|february|march|april|may|june|july|august|september|october|november|december)"
    r"\s+\d{1,2}(?:st|nd|rd|th)?|\d{1,2}(?:st|nd|rd|th)?\s+(?:january|february|march|april|may|june"
    r"|july|august|september|october|november|december)"
    r"|(?:until|by|before|ends?|only|this|next|over)\s+(?:the\s+)?(?:monday|tuesday|wednesday|thursday|friday"
    r"|saturday|sunday|weekend|month|week)|tomorrow|tonight|today only"
    r"|(?:\d{1,2}(?:st|nd|rd|th)|nineteenth|eighteenth|seventeenth)[- ]century)\b",
    re.IGNORECASE,
)
PROMISE = re.compile(
    r"\b(free(?:\s+\w+)?|guarantee[ds]?|money[- ]back|risk[- ]free|no risk|certified|organic|award"
    r"[- ]winning|clinically \w+|scientifically \w+|limited (?:time|edition|stock)|while stocks"
    r" last|discount(?:ed)?|half[- ](?:price|off)"
    r"|buy (?:one|two|\d) ?,? get (?:one|two|\d)|two for one|\d+\s?for\s?\d+|handmade"
    r"|fair[- ]?trade|vegan)\b",
    re.IGNORECASE,
)
SUPERLATIVE = re.compile(
    r"\b(best|cheapest|number one|no\.? ?1|#1|world'?s \w+|world[- ]class|unbeatable|unmatched"
    r"|unrival+ed|unparallell?ed|second to none|the (?:fin|pur|rar|fresh|healthi|strong|rich)est"
    r"|the most \w+|the (?:\w+est) (?:in|on|of) (?:the )?(?:world|market|town|planet|country))\b",
    re.IGNORECASE,
)
_GRAVE = (
    "cancer|diabetes|diseases?|illness(?:es)?|ailments?|inflammation|insomnia|headaches?|migraines?"
)
_MILD = "pain|stress|anxiety|age?ing|colds?|fatigue|tiredness"
HEALTH = re.compile(
    rf"\b(cur(?:es?|ed|ing)(?: \w+)?|heal(?:s|ed|ing)?|{_GRAVE}|(?:prevents?|fights?|treats?"
    rf"|reliev\w+|eas\w+) (?:\w+ )?(?:{_GRAVE}|{_MILD})|detox\w*|antioxidants?|immun\w+|metabolism"
    r"|(?:los\w+|burn\w*|shed\w*) (?:\w+ )?(?:weight|fat|pounds|kilos)|weight loss|slimming"
    r"|anti[- ]?age?ing|health(?:y|ier|ful)?(?: benefits?)?|medic\w+|therap\w+|remed(?:y|ies)"
    r"|doctors?|good for (?:you|your \w+))\b",
    re.IGNORECASE,
)
SAVING = re.compile(
    r"\b(?:saves?|saving|off|discount\w*|less|cheaper|reduced)\b|省|减|优惠|折扣", re.IGNORECASE
)
SHELF_LIFE = re.compile(r"\bbest (?:before|by|served|enjoyed|used|kept|eaten)\b", re.IGNORECASE)
EXCLUSIVE = re.compile(
    r"\b(only available|available only|exclusiv\w+|nowhere else|anywhere else|one of a kind"
    r"|only (?:at|from|here)"
    r"|(?:world[- ])?(?:famous|renowned)|award\w*|best[- ]?sell\w+|everyone'?s favou?rite"
    r"|customers? (?:love|say|agree)|loved by|trusted by|recommended by"
    r"|\w+ recommends|experts? (?:recommend|say|agree|approve)|approved by|as seen)\b",
    re.IGNORECASE,
)
QUANTITY = re.compile(
    rf"\b(\d{{1,12}}(?:[.,]\d{{1,6}})?|{'|'.join(NUMBERS)})[\s-]?(kg|g|grams?|ml|l|litres?|liters?|cm|mm|hours?|days?|weeks?|months?"
    r"|years?|pieces?|cups?|bags?|varieties|flavou?rs?|customers?|reviews?|stars?)\b",
    re.IGNORECASE,
)
NAME = re.compile(
    r"(?<![.!?:\n•\-\"“'’]\s)(?<!^)(?<![.!?:\n•\-\"“])\b([A-Z][\w'’&-]+(?:\s+[A-Z][\w'’&-]+)*)"
)
# capitalised words that name nothing
COMMON = frozenset(
    (
        "i i'm i'll i've we you your our the a an and or but if it it's is are with for from to "
        "in on at of this that now today shop order discover try taste get see find dear hello hi "
        "hey best warm regards cheers thanks thank love team subject body preheader cta enjoy "
        "welcome new just made perfect save brew monday tuesday wednesday thursday friday "
        "saturday sunday january february march april may june july august september october "
        "november december english p.s ps christmas easter spring summer autumn winter eur usd"
    ).split()
)


# Chinese: no blanks between words, so no word boundaries either
MONEY_ZH = re.compile(r"[￥¥]\s?\d[\d.,]{0,14}|\d[\d.,]{0,14}\s?(?:元|块钱|人民币)")
PERCENT_ZH = re.compile(
    r"百分之[\d一二三四五六七八九十百]{1,9}|(?<![\d.一二三四五六七八九])[\d.一二三四五六七八九]{1,6}\s?折"
)
DATE_ZH = re.compile(
    r"\d{1,2}\s?月\s?\d{1,2}\s?[日号]|今天|今晚|明天|本周|本月|周末|限时|仅限|最后[一二三\d]天"
)
QUANTITY_ZH = re.compile(
    r"[\d.]{1,12}\s?(?:毫克|千克|公斤|克|毫升|升|厘米|毫米|米|小时|分钟|天|年|片|包|瓶|盒|袋|种|款|度|倍|万|次|位)"
)
PROMISE_ZH = re.compile(r"免费|包邮|保证|终身|有机|认证|获奖|零风险|全额退款|赠送|买一送一|无添加")
HEALTH_ZH = re.compile(
    r"治疗|治愈|疗效|抗癌|减肥|瘦身|排毒|美白|降血压|降血糖|免疫力|养生|保健|延年益寿|安神|助眠"
)
EXCLUSIVE_ZH = re.compile(r"独家|唯一|首创|专利|著名|驰名|国家级|世界级|百年|老字号")
SUPERLATIVE_ZH = re.compile(
    r"最(?!后|近|初|多可|少)[\u4e00-\u9fff]{1,2}|第一|顶级|极品|至尊|全网最低|绝无仅有"
)
