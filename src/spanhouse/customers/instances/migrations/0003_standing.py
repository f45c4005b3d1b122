import django.db.models.deletion
from django.db import migrations, models

RIGHTS = [("own", "own"), ("metered", "metered"), ("term", "term")]
HOLDS = [("term", "term"), ("arrears", "arrears"), ("measure", "measure"), ("danger", "danger")]


def switches_become_holds(apps, schema_editor):
    """An instance whose queries were switched off was suspended by the operator; intake alone is a setting."""
    hold = apps.get_model("instances", "HoldRow")
    for instance in apps.get_model("instances", "Instance").objects.filter(query=False):
        hold.objects.create(
            instance=instance,
            kind="measure",
            reason=instance.denial or "suspended by the operator",
            placed_by="command",
            placed_at=instance.created_at,
        )
        instance.intake = True
        instance.save(update_fields=["intake"])


class Migration(migrations.Migration):

    dependencies = [
        ("instances", "0002_grants"),
    ]

    operations = [
        migrations.RenameField(model_name="instance", old_name="ingest", new_name="intake"),
        migrations.AddField(
            model_name="instance",
            name="right",
            field=models.CharField(choices=RIGHTS, default="own", max_length=10),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="instance",
            name="term_ends_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="instance",
            name="released_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="instance",
            name="release",
            field=models.CharField(blank=True, max_length=10),
        ),
        migrations.CreateModel(
            name="HoldRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(choices=HOLDS, max_length=10)),
                ("reason", models.CharField(max_length=500)),
                ("placed_by", models.CharField(max_length=254)),
                ("placed_at", models.DateTimeField()),
                ("deadline", models.DateTimeField(blank=True, null=True)),
                ("lifted_at", models.DateTimeField(blank=True, null=True)),
                ("lifted_by", models.CharField(blank=True, max_length=254)),
                (
                    "instance",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="holds", to="instances.instance"
                    ),
                ),
            ],
            options={
                "ordering": ("placed_at", "id"),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("lifted_at", None)),
                        fields=("instance", "kind"),
                        name="one_live_hold_of_a_kind",
                    )
                ],
            },
        ),
        migrations.RunPython(switches_become_holds, migrations.RunPython.noop),
    ]
