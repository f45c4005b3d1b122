from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("instances", "0004_standing_is_derived"),
    ]

    operations = [
        migrations.AddField(
            model_name="instance",
            name="limits",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.CreateModel(
            name="RefusedRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("source", models.CharField(max_length=40)),
                ("instance", models.CharField(max_length=40)),
                ("reason", models.CharField(max_length=100)),
                ("hour", models.PositiveBigIntegerField()),
                ("requests", models.PositiveBigIntegerField()),
                ("spans", models.PositiveBigIntegerField()),
                ("bytes", models.PositiveBigIntegerField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("instance", "hour", "reason", "source"), name="one_row_a_source_reason_and_hour"
                    )
                ],
            },
        ),
    ]
