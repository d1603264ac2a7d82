"""Countries and cloud regions, as data: what counts as a region, and what a platform's own region names mean.

Sources: ISO 3166-1 alpha-2 as of 2026-11 (plus `XK`, which no list of vendors does without); the platforms' own region
lists (AWS, Alibaba Cloud, Tencent Cloud, Google Cloud, Azure, Fly.io, Vercel, Railway, Koyeb) as generally known in
2026-11. A name that is missing here is ignored, never guessed.
"""

from __future__ import annotations

from typing import Final

CODES: Final = frozenset(
    # As a text: 250 literals fill two pages.
    """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ
    CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR
    GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT
    JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO
    MP MQ
    MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE
    RO RS
    RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ
    UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW
    """.split()  # noqa: SIM905
)

# Names people write where a code is wanted, lower case -> code. They are suggested in an error, never accepted.
NAMES: Final = {
    "uk": "GB", "el": "GR", "usa": "US", "uae": "AE", "prc": "CN", "chn": "CN", "hkg": "HK", "roc": "TW", "rok": "KR",
    "dprk": "KP", "jpn": "JP", "sgp": "SG", "rus": "RU", "deu": "DE", "ger": "DE", "fra": "FR", "gbr": "GB",
    "ind": "IN", "kor": "KR", "zh": "CN", "zh-cn": "CN", "zh_cn": "CN", "zh-hk": "HK", "zh-tw": "TW", "en-us": "US",
    "en_us": "US", "en-gb": "GB", "ja": "JP", "china": "CN", "mainland": "CN", "mainland china": "CN",
    "people's republic of china": "CN", "hong kong": "HK", "hongkong": "HK", "hong kong sar": "HK", "macau": "MO",
    "macao": "MO", "taiwan": "TW", "singapore": "SG", "japan": "JP", "korea": "KR", "south korea": "KR",
    "north korea": "KP", "russia": "RU", "russian federation": "RU", "iran": "IR", "syria": "SY", "cuba": "CU",
    "belarus": "BY", "venezuela": "VE", "vietnam": "VN", "viet nam": "VN", "thailand": "TH", "malaysia": "MY",
    "indonesia": "ID", "philippines": "PH", "india": "IN", "pakistan": "PK", "bangladesh": "BD", "kazakhstan": "KZ",
    "turkey": "TR", "türkiye": "TR", "ukraine": "UA", "germany": "DE", "france": "FR", "italy": "IT", "spain": "ES",
    "portugal": "PT", "netherlands": "NL", "holland": "NL", "belgium": "BE", "switzerland": "CH", "austria": "AT",
    "poland": "PL", "sweden": "SE", "norway": "NO", "denmark": "DK", "finland": "FI", "ireland": "IE", "greece": "GR",
    "united kingdom": "GB", "great britain": "GB", "britain": "GB", "england": "GB", "scotland": "GB",
    "united states": "US", "united states of america": "US", "america": "US", "canada": "CA", "mexico": "MX",
    "brazil": "BR", "argentina": "AR", "chile": "CL", "australia": "AU", "new zealand": "NZ", "israel": "IL",
    "saudi arabia": "SA", "united arab emirates": "AE", "dubai": "AE", "qatar": "QA", "egypt": "EG", "nigeria": "NG",
    "kenya": "KE", "south africa": "ZA", "beijing": "CN", "shanghai": "CN", "shenzhen": "CN", "中国": "CN",
    "中國": "CN", "中国大陆": "CN", "大陆": "CN", "内地": "CN", "北京": "CN", "上海": "CN", "香港": "HK",
    "中国香港": "HK", "澳门": "MO", "澳門": "MO", "中国澳门": "MO", "台湾": "TW", "台灣": "TW", "中国台湾": "TW",
    "新加坡": "SG", "日本": "JP", "韩国": "KR", "朝鲜": "KP", "俄罗斯": "RU", "伊朗": "IR", "越南": "VN",
    "泰国": "TH", "马来西亚": "MY", "印度尼西亚": "ID", "印尼": "ID", "菲律宾": "PH", "印度": "IN", "德国": "DE",
    "法国": "FR", "英国": "GB", "美国": "US", "加拿大": "CA", "澳大利亚": "AU", "澳洲": "AU",
}  # fmt: skip


def _table(text: str) -> dict[str, str]:
    """`"HK ap-east-1 …; CN cn-*"` -> {"ap-east-1": "HK", "cn-*": "CN"}."""
    rows = (row.split() for row in text.split(";") if row.strip())
    return {name: country for country, *names in rows for name in names}


_AWS: Final = """
    US us-east-1 us-east-2 us-west-1 us-west-2 us-gov-east-1 us-gov-west-1; CA ca-central-1 ca-west-1; MX
    mx-central-1; BR sa-east-1; ZA af-south-1; HK ap-east-1; TW ap-east-2; IN ap-south-1 ap-south-2; SG
    ap-southeast-1; AU ap-southeast-2 ap-southeast-4; ID ap-southeast-3; MY ap-southeast-5; NZ ap-southeast-6; TH
    ap-southeast-7; JP ap-northeast-1 ap-northeast-3; KR ap-northeast-2; CN cn-north-1 cn-northwest-1; DE
    eu-central-1 eusc-de-east-1; CH eu-central-2; SE eu-north-1; IT eu-south-1; ES eu-south-2; IE eu-west-1; GB
    eu-west-2; FR eu-west-3; IL il-central-1; AE me-central-1; BH me-south-1
"""
_ALIBABA: Final = """
    HK cn-hongkong; CN cn-*; SG ap-southeast-1; MY ap-southeast-3; ID ap-southeast-5; PH ap-southeast-6; TH
    ap-southeast-7; JP ap-northeast-1; KR ap-northeast-2; US us-west-1 us-east-1 us-southeast-1; MX na-south-1; DE
    eu-central-1; GB eu-west-1; AE me-east-1; SA me-central-1
"""
_TENCENT: Final = """
    CN ap-guangzhou ap-shanghai ap-nanjing ap-beijing ap-chengdu ap-chongqing ap-shenzhen ap-shenzhen-fsi
    ap-shanghai-fsi ap-beijing-fsi; HK ap-hongkong; TW ap-taipei; SG ap-singapore; ID ap-jakarta; TH ap-bangkok; KR
    ap-seoul; JP ap-tokyo ap-osaka; US na-siliconvalley na-ashburn; BR sa-saopaulo; DE eu-frankfurt
"""
_GOOGLE: Final = """
    US us-central1 us-east1 us-east4 us-east5 us-south1 us-west1 us-west2 us-west3 us-west4; CA
    northamerica-northeast1 northamerica-northeast2; MX northamerica-south1; BR southamerica-east1; CL
    southamerica-west1; ZA africa-south1; TW asia-east1; HK asia-east2; JP asia-northeast1 asia-northeast2; KR
    asia-northeast3; IN asia-south1 asia-south2; SG asia-southeast1; ID asia-southeast2; AU australia-southeast1
    australia-southeast2; PL europe-central2; FI europe-north1; SE europe-north2; ES europe-southwest1; BE
    europe-west1; GB europe-west2; DE europe-west3 europe-west10; NL europe-west4; CH europe-west6; IT europe-west8
    europe-west12; FR europe-west9; QA me-central1; SA me-central2; IL me-west1
"""
_AZURE: Final = """
    US eastus eastus2 centralus northcentralus southcentralus westcentralus westus westus2 westus3; CA canadacentral
    canadaeast; MX mexicocentral; BR brazilsouth brazilsoutheast; CL chilecentral; ZA southafricanorth
    southafricawest; HK eastasia; SG southeastasia; JP japaneast japanwest; KR koreacentral koreasouth; IN
    centralindia southindia westindia jioindiawest jioindiacentral; ID indonesiacentral; MY malaysiawest; AU
    australiaeast australiasoutheast australiacentral australiacentral2; NZ newzealandnorth; CN chinaeast chinaeast2
    chinaeast3 chinanorth chinanorth2 chinanorth3; IE northeurope; NL westeurope; GB uksouth ukwest; FR
    francecentral francesouth; DE germanywestcentral germanynorth; CH switzerlandnorth switzerlandwest; NO
    norwayeast norwaywest; SE swedencentral; PL polandcentral; IT italynorth; ES spaincentral; AT austriaeast; QA
    qatarcentral; AE uaenorth uaecentral; IL israelcentral
"""
_FLY: Final = """
    NL ams; SE arn; IN bom; FR cdg; US dfw ewr iad lax ord sjc atl bos den mia phx sea; DE fra; BR gru gig; HK hkg;
    ZA jnb; GB lhr; JP nrt; SG sin; AU syd; CA yyz yul; CL scl; CO bog; AR eze; ES mad; RO otp; PL waw; MX qro gdl
"""
_VERCEL: Final = """
    SE arn1; IN bom1; FR cdg1; US cle1 iad1 pdx1 sfo1; ZA cpt1; IE dub1; AE dxb1; DE fra1; BR gru1; HK hkg1; JP hnd1
    kix1; KR icn1; GB lhr1; SG sin1; AU syd1; CA yul1
"""
_RAILWAY: Final = "US us-west* us-east*; NL europe-west4*; SG asia-southeast1*"
_KOYEB: Final = "DE fra; FR par; US was sfo; SG sin; JP tyo"

# (variable, its names -> country). First those that only the platform itself sets at run time; then those that
# people also set to say
# which region their cloud calls go to. A name ending in `*` is a prefix; names are compared without case and spaces.
PLATFORMS: Final = (
    ("VERCEL_REGION", _table(_VERCEL)),
    ("FLY_REGION", _table(_FLY)),
    ("FC_REGION", _table(_ALIBABA)),
    ("RAILWAY_REPLICA_REGION", _table(_RAILWAY)),
    ("KOYEB_REGION", _table(_KOYEB)),
    ("CLOUDFLARE_COUNTRY_A2", {code.lower(): code for code in CODES}),
    ("FUNCTION_REGION", _table(_GOOGLE)),
    ("REGION_NAME", _table(_AZURE)),
    ("AWS_REGION", _table(_AWS)),
    ("ALIBABA_CLOUD_REGION", _table(_ALIBABA)),
    ("ALIBABA_CLOUD_REGION_ID", _table(_ALIBABA)),
    ("TENCENTCLOUD_REGION", _table(_TENCENT)),
    ("GOOGLE_CLOUD_REGION", _table(_GOOGLE)),
)
