from django.apps import AppConfig


class AgreementsConfig(AppConfig):
    name = "spanhouse.customers.agreements"
    label = "agreements"
