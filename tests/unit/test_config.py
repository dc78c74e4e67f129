from __future__ import annotations

import pytest

from ap_remote import config
from ap_remote.config import Account
from ap_remote.errors import ConfigError

CONFIGURED = """
default = "home:"
max_age = 5.0
theme = "left to its owner"

[accounts.home]
kind = "amazon"
tld = "ca"

[accounts.studio]
kind = "service"
url = "http://127.0.0.1:8400"
credentials = "/srv/photos/credentials.json"
"""


@pytest.fixture
def environ(tmp_path):
    return {"AP_HOME": str(tmp_path / "home")}


@pytest.fixture
def write(tmp_path):
    def write(text):
        file = tmp_path / "home" / "config.toml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, "utf-8")
        return file

    return write


def test_without_a_file_there_are_the_two_built_in_accounts(environ, tmp_path):
    settings = config.load(environ)
    assert (settings.default, settings.accounts, settings.max_age) == ("local:", {}, 60.0)
    assert settings.account("local").kind == "local"
    assert settings.account("memory").kind == "memory"
    assert settings.folder("local") == tmp_path / "home" / "accounts" / "local"
    assert not (tmp_path / "home").exists()


def test_the_file_is_read(environ, write):
    write(CONFIGURED.replace('theme = "left to its owner"', ""))
    settings = config.load(environ)
    assert (settings.default, settings.max_age) == ("home:", 5.0)
    assert settings.account("home") == Account(name="home", kind="amazon", tld="ca")
    assert settings.account("studio").url == "http://127.0.0.1:8400"


def test_the_environment_weighs_more_than_the_file(environ, write, tmp_path):
    write('default = "home:"')
    assert config.load({**environ, "AP_REMOTE": "memory:"}).default == "memory:"
    other = tmp_path / "other.toml"
    other.write_text('default = "other:"', "utf-8")
    settings = config.load({**environ, "AP_CONFIG": str(other)})
    assert (settings.default, settings.file) == ("other:", other)
    assert settings.home == tmp_path / "home"


def test_empty_variables_count_as_absent(environ, write):
    write('default = "home:"')
    assert config.load({**environ, "AP_REMOTE": "", "AP_CONFIG": ""}).default == "home:"


def test_an_account_without_a_kind_is_amazons(environ, write):
    write("[accounts.home]\n")
    assert config.load(environ).account("home").kind == "amazon"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("default = [", "config.toml"),
        (CONFIGURED, "theme"),
        ("default = 3", "default"),
        ('[accounts.home]\npassword = "x"', "password"),
        ("[accounts.home]\nkind = 3", "config.toml"),
        ('[accounts."a:b"]\n', "a:b"),
        ('[accounts."a/b"]\n', "a/b"),
        ('[accounts.""]\n', "cannot be an account's name"),
        ("[accounts.home]\nrate = 0", "rate is more than 0"),
        ("[accounts.home]\nrate = inf", "rate is more than 0"),
        ('[accounts.home]\nrate = "10"', "rate"),
        ("[accounts.home]\nconcurrency = 0", "concurrency is 1 request at least"),
        ("[accounts.home]\nconcurrency = 1.5", "concurrency"),
        ('vectors = "s3://bucket/photos"', "must name {account}"),
        ('vectors = "photos/{account}"', "a path from the root"),
        ('vectors = "sftp://me:canary@host/{account}"', "sftp://host/{account}, says how to get in"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_by_name(environ, write, text, said):
    file = write(text)
    with pytest.raises(ConfigError) as caught:
        config.load(environ)
    assert str(file) in str(caught.value)
    assert said in str(caught.value)


def test_vectors_lie_in_a_folder_of_each_account(environ, write):
    write('vectors = "s3://bucket/{account}/vectors"')
    settings = config.load(environ)
    assert settings.vectors_of("home") == "s3://bucket/home/vectors"
    assert config.add_account(settings, Account(name="home")).vectors == settings.vectors
    assert config.load(environ).vectors == settings.vectors
    write("")
    assert config.load(environ).vectors_of("home") is None


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("s3://bucket/a/b", "s3://bucket/a/b"),
        ("s3://key:canary@bucket/a", "s3://bucket/a"),
        ("https://canary@host/a?sig=canary", "https://host/a"),
        ("simplecache::s3://key:canary@bucket/a", "simplecache::s3://bucket/a"),
        ("abfs://box@name.dfs.core.windows.net/a", "abfs://box@name.dfs.core.windows.net/a"),
        ("sftp://me@host/a", "sftp://me@host/a"),
        ("sftp://me:canary@host", "sftp://host"),
        ("/srv/me@home?/vectors", "/srv/me@home?/vectors"),
    ],
)
def test_an_address_is_shown_without_what_lets_its_reader_in(address, shown):
    assert config.harmless(address) == shown


def test_an_account_may_say_how_fast_it_is_asked_and_keeps_that(environ, write):
    write('[accounts.home]\nrate = 2.5\nconcurrency = 3\n[accounts.work]\ntld = "de"')
    settings = config.load(environ)
    config.add_account(settings, config.Account(name="more", rate=4))
    accounts = config.load(environ).accounts
    limits = {name: (account.rate, account.concurrency) for name, account in accounts.items()}
    assert limits == {"home": (2.5, 3), "work": (None, None), "more": (4.0, None)}


def test_a_file_that_is_no_text_is_refused(environ, write):
    write("").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"config\.toml"):
        config.load(environ)


def test_an_unknown_account_is_answered_with_those_that_are_known(environ, write):
    write('[accounts.home]\ntld = "com"')
    with pytest.raises(ConfigError, match="local:, home:"):
        config.load(environ).account("hom")


def test_an_account_is_added_and_found_by_the_next_process(environ, write):
    write('default = "home:"\nmax_age = 5.0\nindex = "hnsw"\n')
    account = Account(name="home", kind="service", url="http://127.0.0.1:1")
    settings = config.add_account(config.load(environ), account)
    assert settings.account("home") == account
    again = config.load(environ)
    assert again.account("home") == account
    assert (again.default, again.max_age, again.index) == ("home:", 5.0, "hnsw")


def test_the_first_account_makes_the_file(environ):
    settings = config.add_account(config.load(environ), Account(name="home", tld="com"))
    assert settings.file.exists()
    assert config.load(environ).account("home") == Account(name="home", kind="amazon", tld="com")
    assert [each.name for each in settings.file.parent.iterdir()] == ["config.toml"]


def test_an_account_is_replaced_by_one_of_its_name(environ):
    settings = config.add_account(config.load(environ), Account(name="home", tld="com"))
    config.add_account(settings, Account(name="home", tld="de"))
    assert config.load(environ).account("home").tld == "de"


def test_an_account_is_removed_and_the_others_stay(environ, write):
    write('[accounts.home]\ntld = "com"\n[accounts.work]\ntld = "de"')
    settings = config.remove_account(config.load(environ), "home")
    assert set(settings.accounts) == {"work"}
    assert set(config.load(environ).accounts) == {"work"}


def test_what_is_not_there_cannot_be_removed(environ):
    with pytest.raises(ConfigError):
        config.remove_account(config.load(environ), "home")


def test_an_account_may_keep_its_cookies_in_the_keyring(environ):
    settings = config.add_account(config.load(environ), Account(name="home", tld="com", store="keyring"))
    assert config.load(environ).account("home").store == "keyring"
    assert "file" not in settings.file.read_text("utf-8")


def test_cookies_are_kept_in_one_of_two_places(environ, write):
    write('[accounts.home]\nstore = "cloud"')
    with pytest.raises(ConfigError, match="'file' or 'keyring'"):
        config.load(environ)


def test_what_is_loaded_while_it_is_recorded_says_so(environ, tmp_path):
    with config.recorded(tmp_path / "truth", keep_names=True):
        assert config.load(environ).record == config.Recording(folder=tmp_path / "truth", keep_names=True)
    assert config.load(environ).record is None
