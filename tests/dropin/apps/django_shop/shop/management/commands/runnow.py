"""Sign in to the admin pages, run a job at once from there, and report what they show."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand
from django.test import Client
from django.test.utils import setup_test_environment
from django.urls import reverse
from django_apscheduler.models import DjangoJob, DjangoJobExecution
from reporting import report


class Command(BaseCommand):
    def add_arguments(self, parser) -> None:
        parser.add_argument("job")

    def handle(self, *args, job: str, **options) -> None:
        setup_test_environment()
        client = Client()
        client.force_login(User.objects.create_superuser("owner"))
        page = reverse("admin:django_apscheduler_djangojob_changelist")
        answer = client.post(
            page,
            {"action": "run_selected_jobs", "_selected_action": [job]},
            follow=True,
        )
        report(
            status=answer.status_code,
            messages=[str(message) for message in answer.context["messages"]],
            executions=list(
                DjangoJobExecution.objects.filter(job_id=job).values_list("status", flat=True)
            ),
            jobs=sorted(DjangoJob.objects.values_list("id", flat=True)),
        )
