"""Text messages that the demo's people approved and rejected: what a first version can learn from.

The house's voice is quiet and concrete; what was rejected is pushy, vague or about us.
"""

from __future__ import annotations

LESSONS: tuple[tuple[str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("T-SEN", "remind tea drinkers of the sencha", (
        "Morning Sencha, picked in spring. A fresh green cup before the day begins.",
        "The kettle, a minute, and Morning Sencha: a fresh green tea for a quiet start.",
        "A spring tea for the first cup: Morning Sencha, fresh and green.",
    ), (
        "Do not miss out! Everybody is talking about our sencha, so order it now!",
        "We are so proud of our tea, and we know that you are going to adore it!",
        "Upgrade your life with the tea you always dreamed of. What are you waiting for?",
    )),
    ("T-EAR", "bring back earl grey drinkers", (
        "Harbour Earl Grey: black tea with bergamot, for the hour when the rain sets in.",
        "A black tea, a little bergamot, a slow afternoon. Harbour Earl Grey is on the shelf.",
        "Put the kettle on. Harbour Earl Grey, black tea with bergamot, is ready when you are.",
    ), (
        "Act fast and grab your tea before it is gone! You will regret it if you wait!",
        "Our amazing team has something incredible for you. Click and be surprised!",
        "Tea that changes everything! Treat yourself, you deserve it, order today!",
    )),
    ("T-MIN", "offer an evening drink", (
        "Late already? Garden Mint has no caffeine, only mint and hot water.",
        "Garden Mint: a mint infusion without caffeine, for the last cup of the day.",
        "A cup of Garden Mint, a book, and the lamp. No caffeine, just mint.",
    ), (
        "Wow! This mint is going to blow your mind, so run and get yours!!",
        "You simply have to try our mint, it is really something special, trust us!",
        "Say goodbye to boring evenings! Order our mint and thank us later!",
    )),
    ("C-ROA", "invite coffee drinkers to the roast", (
        "Morning Roast is a medium roast, 250 g a bag. Grind it slowly, drink it slower.",
        "A medium roast for the first cup: Morning Roast, 250 g, ready to grind.",
        "The mill turns, the kitchen wakes. Morning Roast, a medium roast coffee.",
    ), (
        "Wake up! Your boring coffee is over, our roast will rock your morning!",
        "We have the coffee that everybody wants, so come and get it right now!",
        "Stop what you are doing! This coffee is unbelievable and you need it!",
    )),
    ("C-ESP", "tell espresso drinkers of the dark roast", (
        "Corner Espresso is a dark roast for a small cup and a short pause.",
        "A dark roast, a small cup, two minutes standing at the counter: Corner Espresso.",
        "For the pause after lunch: Corner Espresso, a dark roast.",
    ), (
        "Boost your day to the max! Our espresso is pure power, order it now!",
        "You have never tasted anything like this, we promise you will be amazed!",
        "Attention coffee fans! Do not sleep on this espresso, get it today!",
    )),
    ("C-DEC", "offer coffee for the evening", (
        "Coffee after dinner, sleep after that: Evening Decaf is decaffeinated.",
        "Evening Decaf keeps the taste of the day and leaves the night alone.",
        "One more cup, with Evening Decaf. It is decaffeinated.",
    ), (
        "No caffeine, no problem! Join the decaf craze and order yours today!",
        "Our decaf is so good that you will not believe it, so try it now!",
        "Everyone is switching! Be smart and switch to our decaf right away!",
    )),
    ("W-POT", "show the teapot to tea drinkers", (
        "Watch the leaves open: the Glass Teapot holds 1 litre and hides nothing.",
        "The Glass Teapot is heat-proof and holds 1 litre, enough for the table.",
        "Tea for the table: a Glass Teapot of 1 litre, heat-proof, clear.",
    ), (
        "Your kitchen needs this! Impress all your friends with our stunning teapot!",
        "The teapot of your dreams is here, so do not let it get away!",
        "You will be the star of every party with this teapot, order it now!",
    )),
    ("S-OAT", "offer biscuits with tea", (
        "Oat Biscuits with butter, for the saucer beside the cup.",
        "Something to dip: Oat Biscuits, with oats and butter.",
        "A cup is a pause. Oat Biscuits make it a longer one.",
    ), (
        "Yummy! Our biscuits are crazy good and you will eat them all at once!",
        "Snack attack! Get your hands on these biscuits before your friends do!",
        "We bake happiness! Order our biscuits and smile all day long!",
    )),
)  # fmt: skip
