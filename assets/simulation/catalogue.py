"""What the simulated organisation offers: its services, how demand for them behaves, and their stories.

Data only. Estates larger than the catalogue repeat it with a region in the name and with varied numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Tier = Literal["app", "db", "volume", "lb"]
Resource = Literal["cpu", "memory", "connections", "filesystem", "network"]
Profile = Literal["office", "consumer", "login", "global", "batch", "month_end", "shifts"]

BERLIN = "Europe/Berlin"
NEW_YORK = "America/New_York"


@dataclass(frozen=True)
class Story:
    """When a resource reaches its usable capacity, and what was done about it.

    `window_fraction` places the day inside the simulated window (0 start, 1 end) and is about single
    members, so that it is felt; `days_after_end` lies in the future and is about the redundancy group.
    `remedy_fraction` is the day of a capacity change, which multiplies the number of members (cpu) or the
    limit by `remedy_factor`.
    """

    tier: Tier
    resource: Resource
    window_fraction: float | None = None
    days_after_end: int | None = None
    remedy_fraction: float | None = None
    remedy_factor: float = 2.0


@dataclass(frozen=True)
class DemandShift:
    """A change that moved demand for good."""

    window_fraction: float
    factor: float
    title: str


@dataclass(frozen=True)
class ServiceType:
    """One service. Rates are requests per second on an average working day; growth is per year."""

    service_id: str
    name: str
    description: str
    owner: str
    team_id: str
    criticality: int
    calendar_id: str
    profile: Profile
    zone: str
    requests_per_second: float
    growth_per_year: float
    latency_seconds: float
    driver: str
    driver_unit: str
    requests_per_unit: float
    bytes_per_request: float
    stories: tuple[Story, ...] = ()
    shifts: tuple[DemandShift, ...] = ()
    traits: frozenset[str] = field(default_factory=frozenset)


def _service(
    names: tuple[str, str, str],
    organisation: tuple[str, str, int, str],
    demand: tuple[Profile, str, float, float, float],
    driver: tuple[str, str, float, float],
    *events: Story | DemandShift,
    traits: str = "",
) -> ServiceType:
    service_id, name, description = names
    owner, team_id, criticality, calendar_id = organisation
    profile, zone, requests_per_second, growth_per_year, latency_seconds = demand
    driver_name, driver_unit, requests_per_unit, bytes_per_request = driver
    return ServiceType(
        service_id=service_id,
        name=name,
        description=description,
        owner=owner,
        team_id=team_id,
        criticality=criticality,
        calendar_id=calendar_id,
        profile=profile,
        zone=zone,
        requests_per_second=requests_per_second,
        growth_per_year=growth_per_year,
        latency_seconds=latency_seconds,
        driver=driver_name,
        driver_unit=driver_unit,
        requests_per_unit=requests_per_unit,
        bytes_per_request=bytes_per_request,
        stories=tuple(event for event in events if isinstance(event, Story)),
        shifts=tuple(event for event in events if isinstance(event, DemandShift)),
        traits=frozenset(traits.split()),
    )


CATALOGUE: tuple[ServiceType, ...] = (
    _service(
        ("web-shop", "Web shop", "Sells to consumers on the web"),
        ("Nadia Brandt", "commerce", 1, "always"),
        ("consumer", BERLIN, 160.0, 0.90, 0.045),
        ("Orders", "order", 240.0, 90_000.0),
        Story("app", "cpu", window_fraction=0.45, remedy_fraction=0.72),
        Story("lb", "network", days_after_end=88),
        DemandShift(0.45, 1.22, "Connect marketplace partners to the web shop"),
        traits="data_set",
    ),
    _service(
        ("payments", "Payments", "Authorises and settles card and invoice payments"),
        ("Jonas Keller", "finance-apps", 1, "always"),
        ("consumer", BERLIN, 42.0, 0.55, 0.060),
        ("Payments", "payment", 9.0, 6_000.0),
        Story("db", "connections", days_after_end=20),
    ),
    _service(
        ("order-management", "Order management", "Takes orders from entry to delivery"),
        ("Nadia Brandt", "commerce", 1, "business-berlin"),
        ("office", BERLIN, 55.0, 0.30, 0.080),
        ("Order lines", "line", 14.0, 14_000.0),
        Story("app", "memory", window_fraction=0.55, remedy_fraction=0.78, remedy_factor=1.5),
        DemandShift(0.55, 1.12, "Take over the orders of the Austrian subsidiary"),
        traits="licences",
    ),
    _service(
        ("payroll", "Payroll", "Pays salaries at the end of each month"),
        ("Ingrid Paulsen", "finance-apps", 2, "business-berlin"),
        ("month_end", BERLIN, 9.0, 0.0, 0.110),
        ("Payslips", "payslip", 30.0, 30_000.0),
        Story("volume", "filesystem", days_after_end=14),
        traits="gap",
    ),
    _service(
        ("identity", "Identity", "Sign-in and access rights for staff and customers"),
        ("Samir Haddad", "workplace", 1, "always"),
        ("login", BERLIN, 70.0, 0.50, 0.025),
        ("Sign-ins", "login", 3.0, 3_000.0),
        Story("app", "memory", days_after_end=60),
        traits="leak",
    ),
    _service(
        ("e-mail", "E-mail", "Mailboxes and mail transport"),
        ("Petra Voss", "workplace", 2, "always"),
        ("office", BERLIN, 38.0, 0.12, 0.070),
        ("Mails", "mail", 2.0, 60_000.0),
        Story("volume", "filesystem", window_fraction=0.34, remedy_fraction=0.50, remedy_factor=1.6),
        traits="licences",
    ),
    _service(
        ("data-warehouse", "Data warehouse", "Nightly loads and analytical queries"),
        ("Lucia Romano", "data-platform", 2, "business-berlin"),
        ("batch", BERLIN, 16.0, 0.65, 0.450),
        ("Rows loaded", "1000 rows", 0.4, 400_000.0),
        Story("db", "cpu", window_fraction=0.60),
        DemandShift(0.60, 1.16, "Load the sensor history every night"),
        Story("volume", "filesystem", days_after_end=38),
        traits="data_set",
    ),
    _service(
        ("document-archive", "Document archive", "Keeps documents for ten years"),
        ("Ingrid Paulsen", "data-platform", 3, "business-berlin"),
        ("office", BERLIN, 7.0, 0.18, 0.160),
        ("Documents", "document", 6.0, 350_000.0),
        Story("volume", "filesystem", days_after_end=8),
        traits="data_set",
    ),
    _service(
        ("vpn", "VPN", "Remote access to the office network"),
        ("Samir Haddad", "network", 1, "always"),
        ("login", BERLIN, 28.0, 0.35, 0.030),
        ("Sessions", "session", 90.0, 180_000.0),
        Story("app", "cpu", days_after_end=55),
        DemandShift(0.62, 1.30, "Move the Leipzig office to VPN"),
    ),
    _service(
        ("customer-portal", "Customer portal", "Contracts, bills and meter readings for customers"),
        ("Nadia Brandt", "commerce", 2, "always"),
        ("consumer", BERLIN, 48.0, -0.30, 0.075),
        ("Visits", "visit", 22.0, 45_000.0),
        traits="decommission",
    ),
    _service(
        ("telephony", "Contact centre telephony", "Call routing and recording"),
        ("Petra Voss", "network", 1, "extended-berlin"),
        ("shifts", BERLIN, 14.0, -0.10, 0.035),
        ("Calls", "call", 40.0, 120_000.0),
        traits="constant_memory",
    ),
    _service(
        ("crm", "Customer relations", "Customer records for sales and the contact centre"),
        ("Tom Becker", "commerce", 2, "business-berlin"),
        ("office", BERLIN, 33.0, 0.28, 0.120),
        ("Customer contacts", "contact", 25.0, 20_000.0),
        traits="licences",
    ),
    _service(
        ("warehouse-management", "Warehouse management", "Picking, packing and shipping in two shifts"),
        ("Tom Becker", "commerce", 1, "extended-berlin"),
        ("shifts", BERLIN, 26.0, 0.45, 0.050),
        ("Picks", "pick", 7.0, 8_000.0),
        Story("db", "cpu", days_after_end=30),
    ),
    _service(
        ("treasury-trading", "Treasury trading", "Currency and interest trading in New York"),
        ("Grace Whitfield", "finance-apps", 1, "business-new-york"),
        ("office", NEW_YORK, 21.0, 0.0, 0.018),
        ("Deals", "deal", 160.0, 5_000.0),
    ),
    _service(
        ("intranet", "Intranet", "News, pages and the staff directory"),
        ("Petra Voss", "workplace", 4, "business-berlin"),
        ("office", BERLIN, 12.0, -0.15, 0.090),
        ("Page views", "view", 6.0, 70_000.0),
        traits="watermelon",
    ),
    _service(
        ("file-share", "File share", "Team folders"),
        ("Petra Voss", "workplace", 3, "business-berlin"),
        ("office", BERLIN, 24.0, 0.10, 0.040),
        ("Files written", "file", 4.0, 250_000.0),
    ),
    _service(
        ("management-reporting", "Management reporting", "Weekly and monthly figures for management"),
        ("Lucia Romano", "data-platform", 3, "business-berlin"),
        ("batch", BERLIN, 6.0, 0.10, 0.700),
        ("Reports", "report", 80.0, 200_000.0),
        traits="weekly_peak licences",
    ),
    _service(
        ("hr-self-service", "HR self-service", "Leave, expenses and personal data"),
        ("Ingrid Paulsen", "finance-apps", 3, "business-berlin"),
        ("office", BERLIN, 8.0, 0.0, 0.100),
        ("Applications", "application", 18.0, 25_000.0),
        traits="memory_spikes licences",
    ),
    _service(
        ("partner-api", "Partner API", "Orders and stock for partners' systems"),
        ("Tom Becker", "integration", 1, "always"),
        ("global", BERLIN, 95.0, 1.10, 0.030),
        ("Partner calls", "1000 calls", 1000.0, 12_000.0),
        Story("app", "cpu", days_after_end=6),
    ),
    _service(
        ("mobile-backend", "Mobile app", "Backend of the customers' mobile app"),
        ("Nadia Brandt", "commerce", 1, "always"),
        ("consumer", BERLIN, 120.0, 0.75, 0.040),
        ("Active users", "user", 95.0, 25_000.0),
        Story("db", "connections", window_fraction=0.66, remedy_fraction=0.82),
        DemandShift(0.66, 1.20, "Release version 5 of the app to all users"),
    ),
    _service(
        ("product-search", "Product search", "Search and suggestions in all shops"),
        ("Nadia Brandt", "integration", 2, "always"),
        ("consumer", BERLIN, 85.0, 0.70, 0.035),
        ("Searches", "search", 1.5, 18_000.0),
        Story("app", "memory", days_after_end=25),
        traits="data_set",
    ),
    _service(
        ("video-conferencing", "Video conferencing", "Meetings with picture and sound"),
        ("Samir Haddad", "workplace", 2, "always"),
        ("office", BERLIN, 18.0, 0.0, 0.028),
        ("Meeting seats", "seat", 30.0, 900_000.0),
        traits="irregular licences",
    ),
    _service(
        ("print", "Print", "Printing and scanning in all offices"),
        ("Petra Voss", "workplace", 4, "business-berlin"),
        ("office", BERLIN, 5.0, -0.40, 0.150),
        ("Print jobs", "job", 3.0, 110_000.0),
    ),
    _service(
        ("backup", "Backup and restore", "Nightly copies of all data"),
        ("Samir Haddad", "infrastructure", 2, "always"),
        ("batch", BERLIN, 11.0, 0.40, 0.900),
        ("Backup jobs", "job", 120.0, 1_500_000.0),
        Story("volume", "filesystem", days_after_end=83),
        traits="data_set",
    ),
)

REGIONS = ("North", "South", "East", "West", "Nordics", "Benelux", "Alps", "Iberia", "Baltics", "Overseas")
SITES = ("Frankfurt", "Amsterdam")
SITE_CODES = ("fra", "ams")
