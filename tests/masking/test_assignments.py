"""What is assigned to the name of a secret, in all the forms of code and configuration."""

import pytest

from mlamd.masking.text import mask_text
from tests.masking.fakes import PASSWORD, drawn

FORMS = [
    "-password: §",
    '-password = "§"',
    "-API_KEY=§",
    "-  - api_key: §",
    'conn = connect(password="§")',
    'client = OpenAI(api_key="§")',
    'x = dict(password="§")',
    "db: {password: §}",
    'model: {api_key: "§"}',
    "env: API_KEY=§",
    'os.environ["API_KEY"] = "§"',
    'd["password"] = "§"',
    "d['password'] = '§'",
    'API_KEY: str = "§"',
    'API_KEY: Final = "§"',
    'API_KEY: Final[str] = "§"',
    'api_key: str | None = "§"',
    'def f(password: str = "§", n: int = 3):',
    'password = """§"""',
    'api_keys = ["§"]',
    'api_keys = ["§", "§"]',
    "password: [§]",
    'api_key=f"§"',
    'api_key=b"§"',
    'api_key=r"§"',
    'password == "§"',
    'password => "§"',
    'password := "§"',
    'password <- "§"',
    'auth = ("user","§")',
    'AUTH = ("user", "§")',
    'r = get(url, auth=("user", "§"))',
    "fs.azure.account.key.acct.dfs.core.windows.net=§",
    "%env API_KEY=§",
    'password: SecretStr = SecretStr("§")',
    'api_key: str = Field("§", description="y")',
    'api_key: str = field(default="§")',
    'password = os.getenv("P") or "§"',
    'apitoken = "§"',
    'token_str = "§"',
    "tokenValue: §",
    "token_prod=§",
    "api_key_prod=§",
    "github_pat=§",
    "passkey=§",
    "accesskeyid=§",
    'db_password = (\n    "§"\n)',
    '    "password": "§",',
    '{"a": 1, "password": "§", "b": 2}',
    "git clone https://h/x?private_token=§",
    'curl -H "PRIVATE-TOKEN: §"',
    '"source": ["password = \'§\'\\\\n", "x = 1"]',
    '"source": ["api_key = \\\\"§\\\\"\\\\n"]',
    'self.password = "§"',
    'app.config["SECRET_KEY"] = "§"',
    'const apiKey = "§";',
    "const apiKey: string = '§';",
    "api_key = `§`",
    "password = u'§'",
    'openai.api_key = "§"',
    "set PASSWORD=§",
    '$env:API_KEY = "§"',
    "Server=h;Database=d;User Id=u;Password=§;",
    "jdbc:mysql://h/db?user=u&password=§",
    'connect(host="h", user="u", password="§")',
    'psycopg2.connect("host=h user=u password=§ dbname=d")',
    'export API_KEY="§"',
    "API_KEY=§ python t.py",
    "password = §  # comment",
    "password: § # comment",
    '"db": {"password": "§"}',
    "token: §,",
]
"""``§`` stands for the secret."""

WITH_MORE = {
    'password = """\n§\n"""': 'password = """***"""',
    'password = "ab\\"§"': 'password = "***"',
    "password = 'ab\\'§'": "password = '***'",
    "password: ab cd §": "password: ***",
    "password: ab;§": "password: ***",
    "password: ab&§": "password: ***",
    "password: ab'§": "password: ***",
    "password=ab;§": "password=***",
    "PASSWORD=ab&§": "PASSWORD=***",
    "password = ab §": "password = ***",
    'r = get(url, auth=HTTPBasicAuth("user", "§"))': 'r = get(url, auth=HTTPBasicAuth("***", "***"))',
    'password = "ab" "§"': 'password = "***" "***"',
    'password = "ab" + "§"': 'password = "***" + "***"',
    'headers = {"Authorization": "Bearer §"}': 'headers = {"Authorization": "Bearer ***"}',
    'headers = {"Authorization": "token §"}': 'headers = {"Authorization": "***"}',
}


@pytest.mark.parametrize("text", FORMS)
@pytest.mark.parametrize("secret", [PASSWORD, drawn(30)])
def test_only_the_secret_goes(text, secret):
    masked = mask_text(text.replace("§", secret))
    assert masked == text.replace("§", "***")
    assert mask_text(masked) == masked


@pytest.mark.parametrize("text", WITH_MORE)
def test_what_belongs_to_the_secret_goes_with_it(text):
    assert mask_text(text.replace("§", PASSWORD)) == WITH_MORE[text]
