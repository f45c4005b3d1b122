from django.apps import AppConfig


class InstancesConfig(AppConfig):
    name = "spanhouse.customers.instances"
    label = "instances"
