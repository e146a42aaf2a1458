"""What `bill.ts` tells, by the client that openapi-python-client makes of the document. Run: `use_invoices.py URL`."""

import sys
from datetime import date

from invoices_client import AuthenticatedClient, Client
from invoices_client.api.businesses import create_business
from invoices_client.api.clients import create_client
from invoices_client.api.identity import register
from invoices_client.api.invoices import create_invoice, delete_invoice, list_invoices, update_invoice
from invoices_client.api.lines import create_line
from invoices_client.models import (
    Business,
    BusinessCreate,
    ClientCreate,
    ClientRecord,
    Invoice,
    InvoiceCreate,
    InvoiceList,
    InvoiceStatus,
    InvoiceUpdate,
    Line,
    LineCreate,
    Problem,
    Registration,
    TokenAnswer,
)


def late(client: AuthenticatedClient, day: date) -> tuple[list[str], object]:
    """The numbers of those that are sent or paid and due before a day, with how many there are."""
    states = [InvoiceStatus.SENT, InvoiceStatus.PAID]
    found = list_invoices.sync(client=client, status=states, due_lt=day, count=True)
    assert isinstance(found, InvoiceList)
    return [invoice.number for invoice in found.items], found.total


def main(url: str) -> None:
    """Draft, send, list by day and status; what was sent cannot be deleted."""
    who = Registration(email="python@example.com", password="correct horse battery")
    made = register.sync(client=Client(base_url=url), body=who)
    assert isinstance(made, TokenAnswer)
    client = AuthenticatedClient(base_url=url, token=made.access_token)
    business = create_business.sync(client=client, body=BusinessCreate(name="Garden"))
    assert isinstance(business, Business)
    bob = create_client.sync(client=client, body=ClientCreate(business=business.id, name="Bob", address=""))
    assert isinstance(bob, ClientRecord)
    wanted = InvoiceCreate(business=business.id, client=bob.id, number="1", due=date(2026, 12, 24), private_notes="")
    invoice = create_invoice.sync(client=client, body=wanted)
    assert isinstance(invoice, Invoice)
    assert (invoice.status, invoice.due) == (InvoiceStatus.DRAFT, date(2026, 12, 24))
    line = create_line.sync(client=client, body=LineCreate(invoice=invoice.id, text="Peas", amount="1234567890.10"))
    assert isinstance(line, Line)
    assert line.amount == "1234567890.10"
    assert late(client, date(2026, 12, 25)) == ([], 0)
    sent = update_invoice.sync(client=client, id=invoice.id, body=InvoiceUpdate(status=InvoiceStatus.SENT))
    assert isinstance(sent, Invoice)
    assert sent.status is InvoiceStatus.SENT
    assert late(client, date(2026, 12, 25)) == (["1"], 1)
    assert late(client, date(2026, 12, 24)) == ([], 0)
    refused = delete_invoice.sync(client=client, id=invoice.id)
    assert isinstance(refused, Problem)
    assert (refused.status, refused.code) == (403, "locked")


main(sys.argv[1])
