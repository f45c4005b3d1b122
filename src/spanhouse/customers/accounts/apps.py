from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "spanhouse.customers.accounts"
    label = "accounts"
