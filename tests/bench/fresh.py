"""Labelled texts in yet other styles, of other people and places: rosters, claims, minutes, bookings, forms, statements.

Written before the last changes to the recognizers, and scored once after them: F2 .856, vanilla Presidio's .737. No rule
was written by what they showed. The figure is not to be improved by rules for these texts: they would say nothing any more.

Every run gives the same. `python -m tests.bench.fresh FILE` writes them for `dlp bench detect --dataset FILE`.
"""
# ruff: noqa: SIM905, E501  lists of words and templates read best in one piece; the letters are people's own

import random
import re

from . import styles

# fmt: off
_GIVEN = ("Anbuselvi Karthikeyan Gurpreet Manjit Nasreen Imtiaz Tahira Layla Khalid Yasmin Ghassan Shirin Behrouz Tigist Dawit "
          "Makeda Ngozi Obinna Sibusiso Nomvula Achieng Juma Rafaela Thiago Ximena Ignacio Montserrat Jordi Maëlys Thibault "
          "Geneviève Oksana Taras Bohdan Zhivko Desislava Nino Giorgi Anahit Tigran Kateryna Jurgis Rūta Liis Andrus Guðrún Bjarki "
          "Somchai Kanya Budi Siti Jose-Maria Marikit Tevita Sione Aroha Wiremu Linh Quang Ji-hoon Min-seo Ayumi Daiki Yifan "
          "Meiling Sarah Daniel Rebecca Kevin Laura Brian Megan Andrew").split()
_FAMILY = ("Palaniswami Sandhu Gill Mirza Chaudhry Mansour Khoury Haddad Moradi Ghorbani Tesfaye Bekele Okafor Nwosu Dlamini "
           "Khumalo Otieno Mwangi Nascimento Barros Quispe Mamani Ferrer Puig Lefebvre Gagnon Tremblay Shevchenko Kravchuk "
           "Dimitrov Stoyanova Beridze Kvaratskhelia Petrosyan Kazlauskas Ozoliņa Tamm Jónsdóttir Sigurðsson Srisai Wongsakul "
           "Wijaya Santoso Dela-Cruz Bautista Fonoti Taufa Parata Pham Hoang Kang Seo Ishikawa Mori Liu Zheng Parker Mitchell "
           "Sanders Bennett O'Connor Lawson Fletcher Barnes").split()
_TOWNS = ("Coimbatore", "Amritsar", "Lahore", "Amman", "Beirut", "Isfahan", "Addis Ababa", "Enugu", "Durban", "Mombasa", "Curitiba",
          "Cusco", "Girona", "Quebec City", "Lviv", "Plovdiv", "Tbilisi", "Yerevan", "Kaunas", "Tartu", "Akureyri", "Chiang Mai",
          "Bandung", "Cebu", "Rotorua", "Da Nang", "Daegu", "Kanazawa", "Hangzhou", "Leeds", "Omaha", "Fresno", "Kenya", "Peru",
          "Bulgaria", "Thailand", "Wales", "Quebec")
_FIRMS = ("Sandhu Haulage Ltd", "Levant Textiles", "Highveld Mining plc", "Andina Seguros", "Tremblay et Fils Inc", "Chornomor Shipping",
          "Baltic Timber OÜ", "Reykjavik Geothermal", "Siam Orchid Resorts", "Nusantara Digital", "Pacific Crest Credit Union",
          "St Aidan's Hospital", "Fletcher & Barnes LLP", "Northern Lights College", "Copperfield Bank", "Orbis Robotics GmbH")
_PEOPLES = ("Ethiopian", "Peruvian", "Ukrainian", "Lebanese", "Thai", "Icelandic", "Pakistani", "Bulgarian", "Canadian", "Filipino")
_LANES = ("Race Course Road", "Mall Road", "Kimathi Street", "Florida Road", "Chestnut Grove", "Burley Street", "Elm Park Avenue",
          "Cathedral Square", "Quarry Hill Lane", "West Farnam Street", "Blackstone Avenue", "Lake Terrace", "Ponderosa Drive")
_LANES_ABROAD = ("Rua XV de Novembro {n}", "Avenida El Sol {n}", "Carrer de la Força {n}", "{n} rue Saint-Jean", "vul. Franka {n}",
                 "Rustaveli Avenue {n}", "Laisvės alėja {n}", "Hafnarstræti {n}", "Jalan Braga {n}", "Lange Straße {n}",
                 "Vasagatan {n}", "Via Roma {n}")
# fmt: on

TEMPLATES = (
    # rosters and minutes
    "Volunteers on Saturday: {PERSON}, {PERSON} and {PERSON}. Bring gloves.",
    "Minutes, {DATE_TIME}\nPresent: {PERSON}, {PERSON}\nApologies: {PERSON}\n1. Budget approved. 2. New projector ordered.",
    "Shift swap: {PERSON} takes the late shift from {PERSON} on {DATE_TIME}.",
    "Action items\n- {PERSON}: send the draft to {ORGANIZATION}\n- {PERSON}: book the room",
    "Seat 14C {PERSON}, seat 14D {PERSON}, both vegetarian.",
    # claims and complaints
    "Claim {id}: on {DATE_TIME} the insured, {PERSON}, reported water damage at {STREET_ADDRESS}, {GPE}. Adjuster: {PERSON}.",
    "The driver ({PERSON}, licence {US_DRIVER_LICENSE}) stated that the light was green.",
    "I ordered 3 chairs from {ORGANIZATION} and nobody answers {PHONE_NUMBER}. Very disappointed. {PERSON}, {GPE}",
    "Witness {PERSON} ({AGE}) saw the van leave {STREET_ADDRESS} shortly before nine.",
    "Refund the {ORGANIZATION} charge to my card, {CREDIT_CARD}. You have my e-mail: {EMAIL_ADDRESS}.",
    # bookings and deliveries
    "Booking {id} confirmed for {PERSON}, 2 adults, arriving {DATE_TIME}. Driver's phone: {PHONE_NUMBER}.",
    "Ship to:\n{PERSON}\n{STREET_ADDRESS}\n{GPE} {ZIP_CODE}\n\nSender: {ORGANIZATION}",
    "Ship to: {PERSON}, {STREET_ADDRESS}, {ZIP_CODE} {GPE}",
    "Left with neighbour ({PERSON}) at {STREET_ADDRESS}.",
    "Pickup: {STREET_ADDRESS}, {GPE}, {ZIP_CODE}. Ask for {PERSON}, mobile {PHONE_NUMBER}.",
    "Our guide {PERSON} will meet you at the station in {GPE}, look for the yellow flag.",
    # applications, school, tenancy
    "My name is {PERSON}, I am {AGE} years old and I have worked as a nurse at {ORGANIZATION} since 2019.",
    "Pupil: {PERSON}   Class: 7b   Parent/guardian: {PERSON}   Emergency: {PHONE_NUMBER}",
    "Reference for {PERSON}: she rented {STREET_ADDRESS} from us until {DATE_TIME} and always paid on time.",
    "Surname, given name: {PERSON}\nNationality: {NRP}\nPlace of birth: {GPE}\nDate of birth: {DATE_TIME}",
    "{TITLE} {PERSON} teaches chemistry; her assistant {PERSON} keeps the lab.",
    "Tenant {PERSON} gave notice. Deposit goes back to {IBAN_CODE}.",
    "Scholarship awarded to the {NRP} student {PERSON} from {GPE}.",
    # money
    "Statement {DATE_TIME}\nTransfer from {PERSON}\nIBAN {IBAN_CODE}\nAmount 412.90",
    "Payroll query: {PERSON}, SSN {US_SSN}, was paid twice in October.",
    "Standing order to {PERSON}, {IBAN_CODE}, cancelled by {PERSON}.",
    "Donation of 50 by {PERSON} ({EMAIL_ADDRESS}), card {CREDIT_CARD}, receipt requested.",
    # talk and mail
    "hey it's {PERSON}, new phone {PHONE_NUMBER}, delete the old one",
    "so {PERSON} quit and now {PERSON} has to run both teams in {GPE}. wild",
    "From: {EMAIL_ADDRESS}\nTo: {EMAIL_ADDRESS}\nSubject: keys\n\n{PERSON} still has mine. Can you ask?\n\n{PERSON}",
    "Kind regards\n\n{PERSON}\nHead of Procurement\n{ORGANIZATION}\nT {PHONE_NUMBER}",
    "Has anyone heard from {PERSON} since the conference in {GPE}?",
    "Please welcome {PERSON}, who joins us from {ORGANIZATION} as {TITLE} {PERSON}'s deputy.",
    # news and records
    "{PERSON}, the {NRP} novelist, died in {GPE} on {DATE_TIME}, aged {AGE}.",
    "Police in {GPE} are looking for {PERSON}, {AGE}, last seen near {STREET_ADDRESS}.",
    "Dr on call: {PERSON}. Bed 12: {PERSON}, {AGE} y/o, post-op day 2, afebrile.",
    "{ORGANIZATION} has appointed {PERSON} to its board; {PERSON} steps down.",
    # machines
    "{DATE_TIME} login ok user={EMAIL_ADDRESS} src={IP_ADDRESS} mfa=push",
    'lead imported: name="{PERSON}" company="{ORGANIZATION}" phone="{PHONE_NUMBER}" zip="{ZIP_CODE}"',
    "sync of {URL} finished, 4410 rows, 12 skipped",
    # nothing in it
    "Room 204 is free from 14:00 to 15:30 on weekdays; capacity 12, projector, no catering.",
    "Batch 20417: 3 of 1,200 parts out of tolerance, lot released. Next calibration in 45 days.",
    "The Friday newsletter is late because the printer on the third floor ran out of toner again.",
)

_MONTHS = "January February March April May June July August September October November December".split()


def _value(kind: str, chance: random.Random) -> str:  # noqa: C901, PLR0911, PLR0912  one branch a type
    number = chance.randrange
    match kind:
        case "PERSON":
            given, family = chance.choice(_GIVEN), chance.choice(_FAMILY)
            return chance.choice((f"{given} {family}",) * 5 + (given, f"{given[0]}. {family}"))
        case "GPE":
            return chance.choice(_TOWNS)
        case "ORGANIZATION":
            return chance.choice(_FIRMS)
        case "NRP":
            return chance.choice(_PEOPLES)
        case "TITLE":
            return chance.choice(("Mr", "Mrs", "Ms", "Dr", "Dr.", "Prof.", "Mr.", "Ms."))
        case "AGE":
            return str(number(18, 95))
        case "STREET_ADDRESS":
            if chance.random() < 0.3:
                return chance.choice(_LANES_ABROAD).format(n=number(1, 190))
            return chance.choice(("", "", "", f"Apt {number(1, 60)}, ")) + f"{number(2, 900)} {chance.choice(_LANES)}"
        case "PHONE_NUMBER":
            return chance.choice((
                f"+92 300 {number(1000000, 9999999)}", f"+254 7{number(10, 40)} {number(100000, 999999)}", f"+380 67 {number(100, 999)} {number(1000, 9999)}",
                f"+51 9{number(10, 99)} {number(100, 999)} {number(100, 999)}", f"+66 8{number(1, 9)} {number(100, 999)} {number(1000, 9999)}",
                f"({number(212, 980)}) {number(220, 999)}-{number(1000, 9999)}", f"{number(212, 980)}.{number(220, 999)}.{number(1000, 9999)}",
                f"0113 {number(200, 999)} {number(1000, 9999)}", f"+1 {number(212, 980)} {number(220, 999)} {number(1000, 9999)}",
            ))  # fmt: skip
        case "CREDIT_CARD":
            return _card(chance)
        case "IBAN_CODE":
            return _iban(chance)
        case "EMAIL_ADDRESS":
            who = re.sub(r"[^a-z]", "", chance.choice(_GIVEN).lower()) + chance.choice((".", "_", ""))
            who += re.sub(r"[^a-z]", "", chance.choice(_FAMILY).lower())
            return f"{who}@{chance.choice(('levant.jo', 'highveld.co.za', 'outlook.com', 'siamorchid.co.th', 'tuta.com', 'yahoo.ca'))}"
        case "URL":
            return chance.choice(
                ("https://feeds.levant.jo/export", "http://siamorchid.co.th/rooms", "https://api.orbis.de/v1/leads")
            )
        case "IP_ADDRESS":
            return (
                ".".join(str(number(1, 255)) for _ in range(4))
                if chance.random() < 0.7
                else f"2001:{number(4096, 65535):x}:{number(1, 65535):x}::{number(1, 65535):x}"
            )
        case "ZIP_CODE":
            return chance.choice((
                f"{number(10000, 99999)}", f"{number(10000, 99999)}", f"{number(100000, 860000)}", f"{number(10, 99)}-{number(100, 999)}",
                f"LS{number(1, 29)} {number(1, 9)}AB", f"G1R {number(1, 9)}K{number(1, 9)}", f"{number(10000, 99999)}-{number(100, 999)}",
                f"{number(100, 980)} {number(10, 99)}", f"{number(1000, 9900)}",
            ))  # fmt: skip
        case "US_SSN":
            return f"{number(101, 665)}-{number(11, 99)}-{number(1000, 9999)}"
        case "US_DRIVER_LICENSE":
            return chance.choice((f"{chance.choice('BDGN')}{number(10**6, 10**7)}", str(number(10**8, 10**9))))
        case "DATE_TIME":
            day, month, year = number(1, 29), number(1, 13), number(1950, 2027)
            return chance.choice((
                f"{day:02}.{month:02}.{year}", f"{year}-{month:02}-{day:02}", f"{day} {_MONTHS[month - 1]} {year}",
                f"{_MONTHS[month - 1]} {day}, {year}", f"{month}/{day}/{year}",
            ))  # fmt: skip
        case _:
            return str(number(10**5, 10**7))  # a claim, a booking: nobody's


def _card(chance: random.Random) -> str:
    """Return a card number that passes Luhn (ISO/IEC 7812-1, annex B)."""
    body = chance.choice(("4485", "5187", "4929", "2720")) + "".join(chance.choice("0123456789") for _ in range(11))
    total = sum(sum(divmod(int(one) * (2 - place % 2), 10)) for place, one in enumerate(body))
    digits = body + str(-total % 10)
    return chance.choice((digits, " ".join(digits[start : start + 4] for start in range(0, 16, 4))))


def _iban(chance: random.Random) -> str:
    """Return an IBAN with right check digits (ISO 13616)."""
    country, length = chance.choice((("LT", 16), ("BE", 12), ("CH", 17), ("UA", 25), ("EE", 16)))
    body = "".join(chance.choice("0123456789") for _ in range(length))
    code = f"{country}{98 - int(''.join(str(int(one, 36)) for one in body + country + '00')) % 97:02}{body}"
    return chance.choice((code, " ".join(code[start : start + 4] for start in range(0, len(code), 4))))


def samples(count: int, seed: int = 1903) -> list[dict[str, object]]:
    """Return that many texts with the field names of presidio-research's set."""
    return styles.filled(TEMPLATES, _value, count, seed)


if __name__ == "__main__":
    styles.write(samples(860))
