from django.db import migrations


class Migration(migrations.Migration):
    """Apart from the data that came before: PostgreSQL alters no table that has changes pending."""

    dependencies = [
        ("instances", "0003_standing"),
    ]

    operations = [
        migrations.RemoveField(model_name="instance", name="query"),
        migrations.RemoveField(model_name="instance", name="denial"),
    ]
