//! What people do with their money, month after month.

use super::calendar::When;

/// Something that is done again and again.
#[derive(Debug)]
pub(super) struct Habit {
    pub(super) when: When,
    /// Between which hours.
    pub(super) hours: (i64, i64),
    /// From and to, in hundredths; negative: out.
    pub(super) amount: (i64, i64),
    pub(super) kind: Kind,
    /// With one of these: name, and ISO 18245 category of shops.
    pub(super) parties: &'static [(&'static str, &'static str)],
    pub(super) text: &'static str,
}

/// How money moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sandbox::bank) enum Kind {
    Card,
    Cash,
    DirectDebit,
    StandingOrder,
    Sent,
    Received,
    Interest,
}

impl Kind {
    /// `BankTransactionCode`: code and sub-code of ISO 20022.
    pub(in crate::sandbox::bank) fn codes(self) -> (&'static str, &'static str) {
        match self {
            Self::Card => ("CCRD", "POSD"),
            Self::Cash => ("CCRD", "CWDL"),
            Self::DirectDebit => ("IDDT", "ESDD"),
            Self::StandingOrder => ("ICDT", "STDO"),
            Self::Sent => ("ICDT", "DMCT"),
            Self::Received => ("RCDT", "DMCT"),
            Self::Interest => ("MCOP", "INTR"),
        }
    }
}

/// A shop, a restaurant, a ride: on so many of a thousand days, for `least` to `most`.
const fn card(
    per_mille: u64,
    hours: (i64, i64),
    (least, most): (i64, i64),
    parties: &'static [(&'static str, &'static str)],
) -> Habit {
    Habit {
        when: When::Often(per_mille),
        hours,
        amount: (-most, -least),
        kind: Kind::Card,
        parties,
        text: "Card payment",
    }
}

/// A bill on its day of the month.
const fn bill(day: i64, amount: i64, party: &'static [(&'static str, &'static str)], text: &'static str) -> Habit {
    let (when, kind) = (When::Monthly(day), Kind::DirectDebit);
    Habit { when, hours: (5, 7), amount: (-amount, -amount), kind, parties: party, text }
}

/// Money that comes on its day of the month.
const fn income(
    day: i64,
    (least, most): (i64, i64),
    party: &'static [(&'static str, &'static str)],
    text: &'static str,
) -> Habit {
    Habit { when: When::Monthly(day), hours: (6, 9), amount: (least, most), kind: Kind::Received, parties: party, text }
}

/// Interest at the end of the month.
const fn interest(least: i64, most: i64) -> Habit {
    let (when, kind) = (When::Monthly(31), Kind::Interest);
    Habit {
        when,
        hours: (3, 4),
        amount: (least, most),
        kind,
        parties: &[("Scopegate Sandbox Bank", "")],
        text: "Interest",
    }
}

pub(super) const DENIZ_EVERYDAY: &[Habit] = &[
    income(25, (312_480, 312_480), &[("Atelier Weiss GmbH", "")], "Salary"),
    Habit {
        when: When::Monthly(3),
        hours: (5, 6),
        amount: (-112_000, -112_000),
        kind: Kind::StandingOrder,
        parties: &[("Hausverwaltung Krüger", "")],
        text: "Rent",
    },
    bill(5, 8_415, &[("Stadtwerke", "")], "Electricity and heating"),
    bill(12, 2_499, &[("Fjord Mobile", "")], "Phone"),
    bill(15, 1_299, &[("Northlight Streaming", "")], "Subscription"),
    bill(2, 5_800, &[("City Transport", "")], "Monthly ticket"),
    bill(20, 4_120, &[("Aegis Versicherung", "")], "Liability and household insurance"),
    card(
        430,
        (8, 20),
        (940, 7_250),
        &[("Markthalle Neun", "5411"), ("Biomarkt am Kanal", "5411"), ("Deniz Market", "5499")],
    ),
    card(380, (7, 11), (290, 720), &[("Café Linde", "5814"), ("Rösterei Vier", "5814")]),
    card(
        140,
        (18, 22),
        (1_450, 6_400),
        &[("Trattoria Nonna Pia", "5812"), ("Sushi Hana", "5812"), ("Zum Anker", "5813")],
    ),
    card(110, (9, 23), (899, 8_999), &[("Ada Books", "5942"), ("Kaufhaus West", "5311"), ("Velo Manufaktur", "5940")]),
    Habit {
        when: When::Often(45),
        hours: (11, 19),
        amount: (1_200, 6_500),
        kind: Kind::Received,
        parties: &[("Mira Sommer", ""), ("Elif Arslan", ""), ("Tom Brandt", "")],
        text: "Thanks for the other night!",
    },
];

pub(super) const DENIZ_SAVINGS: &[Habit] = &[interest(1_820, 2_460)];

pub(super) const DENIZ_TRAVEL: &[Habit] = &[
    income(6, (25_000, 25_000), &[("Deniz Arslan", "")], "For the next trip"),
    card(
        90,
        (8, 21),
        (640, 5_900),
        &[("Coastline Rail", "4112"), ("The Harbour Inn", "7011"), ("Borough Deli", "5411")],
    ),
    card(50, (10, 23), (380, 2_600), &[("Tate Kiosk", "5947"), ("The Crown", "5813")]),
];

pub(super) const DENIZ_FAMILY: &[Habit] = &[
    income(7, (950_000, 1_150_000), &[("Elif Arslan", "")], "Aidat ve ev"),
    bill(12, 289_900, &[("Boğaz Sigorta", "")], "Ev sigortası"),
    bill(26, 62_475, &[("Şehir Suları", "")], "Su"),
    card(
        160,
        (9, 20),
        (18_000, 95_000),
        &[("Moda Market", "5411"), ("Fırın Kadıköy", "5462"), ("Eczane Güneş", "5912")],
    ),
];

pub(super) const AMARA_CURRENT: &[Habit] = &[
    income(28, (284_715, 284_715), &[("Northgate NHS Trust", "")], "Salary"),
    Habit {
        when: When::Monthly(1),
        hours: (5, 6),
        amount: (-96_500, -96_500),
        kind: Kind::StandingOrder,
        parties: &[("Harper Lettings", "")],
        text: "RENT FLAT 4B",
    },
    bill(4, 14_200, &[("Camden Council", "")], "Council tax"),
    bill(9, 7_830, &[("Brightside Energy", "")], "Gas and electricity"),
    bill(11, 3_100, &[("Thames Fibre", "")], "Broadband"),
    bill(17, 1_450, &[("Peak Gym", "")], "Membership"),
    card(350, (12, 21), (650, 5_480), &[("Freshfields", "5411"), ("Corner Grocer", "5499")]),
    card(300, (6, 20), (280, 890), &[("Metro Travel", "4111"), ("Night Bus Co", "4111")]),
    Habit {
        when: When::Weekly(5),
        hours: (10, 13),
        amount: (-4_000, -2_000),
        kind: Kind::Cash,
        parties: &[("Cash machine, High Street", "6011")],
        text: "Cash withdrawal",
    },
];

pub(super) const AMARA_SAVINGS: &[Habit] = &[interest(1_105, 1_940)];

pub(super) const AMARA_CARD: &[Habit] = &[
    card(
        210,
        (12, 23),
        (900, 6_200),
        &[("Lagos Kitchen", "5812"), ("The Old Vic Bar", "5813"), ("Pizzeria Roma", "5812")],
    ),
    card(130, (9, 23), (1_099, 9_400), &[("Threadbare", "5651"), ("Ada Books", "5942"), ("Home & Hearth", "5712")]),
    bill(14, 999, &[("Northlight Streaming", "4899")], "Subscription"),
];

pub(super) const JONAS_CURRENT: &[Habit] = &[
    income(1, (93_400, 93_400), &[("Studentenwerk", "")], "Grant"),
    income(15, (30_000, 30_000), &[("Petra Weber", "")], "Pocket money, love, Mum"),
    bill(3, 41_500, &[("Wohnheim Süd", "")], "Room 214"),
    bill(8, 999, &[("Fjord Mobile", "")], "Phone"),
    card(480, (11, 15), (310, 790), &[("Mensa am Park", "5812")]),
    card(330, (16, 21), (420, 2_600), &[("Discount 24", "5411"), ("Biomarkt am Kanal", "5411")]),
    card(150, (20, 24), (500, 2_400), &[("Kneipe Zwölf", "5813"), ("Lichtspiele", "7832")]),
];

pub(super) const JONAS_SAVINGS: &[Habit] = &[interest(12, 95)];

pub(super) const BAKERY_CURRENT: &[Habit] = &[
    card_takings(),
    income(10, (184_000, 265_000), &[("Hotel Meridian", "")], "INV catering"),
    bill(1, 240_000, &[("Canal Street Properties", "")], "Rent shop"),
    bill(6, 38_940, &[("Brightside Energy", "")], "Ovens"),
    Habit {
        when: When::Weekly(0),
        hours: (5, 6),
        amount: (-142_000, -96_000),
        kind: Kind::Sent,
        parties: &[("Mill & Son Flour", ""), ("Dales Dairy", "")],
        text: "Supplies",
    },
    Habit {
        when: When::Weekly(4),
        hours: (15, 16),
        amount: (-318_000, -286_000),
        kind: Kind::Sent,
        parties: &[("Payroll", "")],
        text: "Wages",
    },
    card(120, (8, 17), (1_200, 18_500), &[("Trade Counter", "5085"), ("City Parking", "7523")]),
];

/// What the shop's card machine pays in, six days a week.
const fn card_takings() -> Habit {
    Habit {
        when: When::Often(860),
        hours: (3, 4),
        amount: (62_000, 98_000),
        kind: Kind::Received,
        parties: &[("Cardpoint Acquiring", "")],
        text: "Takings of yesterday",
    }
}

pub(super) const BAKERY_RESERVE: &[Habit] = &[interest(4_200, 6_900)];

pub(super) const BAKERY_EURO: &[Habit] = &[
    income(18, (210_000, 340_000), &[("Backhaus Lindqvist AB", "")], "Recipes and training"),
    Habit {
        when: When::Monthly(22),
        hours: (9, 11),
        amount: (-260_000, -140_000),
        kind: Kind::Sent,
        parties: &[("Molino Bianchi", ""), ("Valrhône Chocolat", "")],
        text: "Import",
    },
];
