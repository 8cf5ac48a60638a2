"""What the model is asked, word for word, in each language: data, no logic.

Each part of a message is asked for by itself, with an example, so that a small model needs no
format and a large one is not hindered. Facts stand last, next to the question.
"""

from __future__ import annotations

PARTS = {
    "email": ("subject", "preheader", "body", "cta"),
    "banner": ("headline", "body", "cta"),
    "ad": ("headline", "body", "cta"),
    "sms": ("body",),
    "push": ("title", "body"),
    "product": ("title", "body"),
    "recommend": ("title", "body"),
}
TOKENS = {"subject": 18, "preheader": 26, "body": 80, "cta": 8, "headline": 16, "title": 16}
BODY_TOKENS = {"sms": 40, "push": 36, "ad": 28, "banner": 44, "recommend": 40, "product": 120}

SYSTEM = {
    "en": "You write short marketing copy. Use only the facts you are given. Never invent prices, "
    "discounts, dates, numbers or names. Answer with the text alone.",
    "zh": "你撰写简短的营销文案。只使用给出的事实，不得编造价格、折扣、日期、数字或名称。只回答文案本身，用简体中文。",
}
ASK = {
    "en": {
        "subject": "Write the subject line of an e-mail, at most eight words.",
        "preheader": "Write one short preview sentence for the e-mail.",
        "body": "Write the e-mail in two or three short sentences to the reader.",
        "cta": "Write the words on the button, two or three words.",
        "headline": "Write a headline, at most six words.",
        "title": "Write a title, at most six words.",
        "sms body": "Write a text message of at most 140 characters to the reader.",
        "push body": "Write one short sentence for a notification.",
        "ad body": "Write one sentence for an advertisement, at most 80 characters.",
        "banner body": "Write one short sentence for a banner.",
        "product body": "Write the description of the product in two to four sentences.",
        "recommend body": "Write one sentence that recommends the product to this reader.",
    },
    "zh": {
        "subject": "写一个邮件主题，不超过十五个字。",
        "preheader": "写一句简短的邮件预览文字。",
        "body": "用两三个短句写这封邮件的正文。",
        "cta": "写按钮上的文字，二到六个字。",
        "headline": "写一个标题，不超过十二个字。",
        "title": "写一个标题，不超过十二个字。",
        "sms body": "写一条不超过六十个字的短信。",
        "push body": "写一句简短的通知文字。",
        "ad body": "写一句广告语，不超过四十个字。",
        "banner body": "写一句简短的横幅文字。",
        "product body": "用二到四句话写商品描述。",
        "recommend body": "写一句话，向这位读者推荐该商品。",
    },
}
LABELS = {
    "en": {"goal": "Goal", "readers": "Readers", "reader": "The reader", "tone": "Tone",
           "words": "Words we like", "facts": "Facts", "offer": "Offer",
           "voice": "This is how we write", "must": "Mention",
           "like": "Write in the manner of"},
    "zh": {"goal": "目标", "readers": "读者", "reader": "这位读者", "tone": "语气",
           "words": "常用词", "facts": "事实", "offer": "优惠", "voice": "我们这样写",
           "must": "必须提到", "like": "仿照这段文字的写法"},
}  # fmt: skip
SHOTS: dict[str, list[tuple[str, dict[str, str]]]] = {
    "en": [
        (
            "Goal: bring back people who have not ordered for a while\n"
            "Tone: warm, plain\nFacts:\n- Morning Roast is a medium roast coffee.\n"
            "- Morning Roast costs 9.50 EUR.\n",
            {
                "subject": "Your Morning Roast is waiting",
                "preheader": "A medium roast for slow mornings.",
                "body": "It has been a while, and we kept your favourite ready. Morning Roast is a "
                "medium roast coffee that makes the first cup easy to love, for 9.50 EUR.",
                "cta": "See Morning Roast",
                "headline": "Slow mornings, medium roast",
                "title": "Morning Roast is back",
                "sms body": "Missing your coffee? Morning Roast, our medium roast, is here for "
                "9.50 EUR.",
                "push body": "Your medium roast is ready when you are.",
                "ad body": "Morning Roast: a medium roast for slow mornings, 9.50 EUR.",
                "banner body": "A medium roast for the first cup of the day.",
                "product body": "Morning Roast is a medium roast coffee for the first cup of the "
                "day. It costs 9.50 EUR.",
                "recommend body": "Come back to the cup you know: Morning Roast, our medium roast.",
            },
        ),
        (
            "Goal: show gardeners a new tool\nTone: friendly, concrete\nFacts:\n"
            "- Oak Trowel is a hand tool with an oak handle.\n- Oak Trowel costs 18.00 EUR.\n",
            {
                "subject": "A trowel that fits your hand",
                "preheader": "Oak handle, made for digging.",
                "body": "Digging is easier with the right tool. Oak Trowel has an oak handle that "
                "sits well in the hand, and it costs 18.00 EUR.",
                "cta": "Meet Oak Trowel",
                "headline": "An oak handle for your garden",
                "title": "Meet Oak Trowel",
                "sms body": "Digging again? Oak Trowel has an oak handle that sits well in the "
                "hand. 18.00 EUR.",
                "push body": "An oak handle for your next digging day.",
                "ad body": "Oak Trowel: an oak handle that sits well in the hand.",
                "banner body": "A hand tool with an oak handle, made for digging.",
                "product body": "Oak Trowel is a hand tool with an oak handle. It sits well in the "
                "hand and costs 18.00 EUR.",
                "recommend body": "You dig often: Oak Trowel has an oak handle that fits the hand.",
            },
        ),
    ],
    "zh": [
        (
            "目标：请许久没有下单的顾客回来\n语气：温暖、平实\n事实：\n- 晨光咖啡是一款中度烘焙的咖啡。\n"
            "- 晨光咖啡的价格是 68 元。\n",
            {
                "subject": "您的晨光咖啡在等您",
                "preheader": "适合慢慢醒来的中度烘焙。",
                "body": "好久不见，您喜欢的那杯咖啡一直都在。晨光咖啡是中度烘焙，适合一天的第一杯，价格 68 元。",
                "cta": "看看晨光咖啡",
                "headline": "慢一点的早晨",
                "title": "晨光咖啡回来了",
                "sms body": "想念您的咖啡吗？中度烘焙的晨光咖啡，68 元，等您回来。",
                "push body": "您的中度烘焙咖啡已经准备好了。",
                "ad body": "晨光咖啡，中度烘焙，给慢一点的早晨。",
                "banner body": "给一天的第一杯，一款中度烘焙咖啡。",
                "product body": "晨光咖啡是一款中度烘焙的咖啡，适合一天的第一杯。价格 68 元。",
                "recommend body": "回到您熟悉的那一杯：中度烘焙的晨光咖啡。",
            },
        ),
    ],
}
