"""Sources that answer in pages: written once are days, cursors, resume, repeats, announced counts and snapshots.

A connector says which tables it has, where a question begins (`first`) and what one answer holds (`page`). See
docs/landing.md, "Sources in pages".
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import pyarrow as pa

from assets.connectors import census
from assets.connectors.base import Batch, IsLanded, RejectedInput, Window, frame_digest
from assets.connectors.http import Client, Link
from assets.connectors.paged_settings import Mapped, PagedSource
from assets.connectors.remote import RetryPolicy, SourceError, TransientError
from assets.connectors.sign_in import SignIn
from assets.connectors.traffic import Traffic
from assets.landing.contracts import contract
from assets.landing.declaration import Declaration
from assets.landing.spool import Cursor, Outstanding, Page, RawRow, Spool, SpoolBusyError
from assets.landing.store import slug
from assets.memory import give_back


@dataclass(frozen=True)
class Probe:
    """What one bounded question a table found: tables without a row, what a person should know."""

    empty: tuple[str, ...]
    warnings: tuple[str, ...]


@runtime_checkable
class Counted(Protocol):
    """A connector whose source tells the keys it holds, so that a census can be taken."""

    def census_page(self, client: Client, table: str, cursor: Cursor | None) -> Page:
        """One answer about keys alone, from the first on (None). A row's `key` is that of the contract (its first
        field), its cells may hold `created`, the UTC time of its making as ISO text."""


class PagedConnector(ABC):
    """Reads one source page by page. `spool` is the folder for unfinished questions (None: not kept)."""

    #: Right that the account needs, as the product calls it; for the fix of a 403.
    rights = "the right to read this"

    def __init__(
        self, source: PagedSource, *, spool: Path | None = None, retries: RetryPolicy | None = None
    ) -> None:
        self._source = source
        self._retries = retries or RetryPolicy()
        self._link = Link.of(source, self._retries)
        # The folder `spool` of an estate's home: beside it lies what has landed.
        self._spool = spool

    # --- what a connector gives ---

    @abstractmethod
    def first(self, table: str, window: Window | None) -> Cursor:
        """Where a question begins: rows changed in `window`, or (None) all of them."""

    @abstractmethod
    def page(self, client: Client, table: str, cursor: Cursor) -> Page:
        """One answer. The same cursor again asks the same again."""

    def sign_in(self) -> SignIn | None:
        """How to prove who one is; None: the token of `token_env`."""
        return None

    def headers(self) -> Mapping[str, str]:
        """Headers of every question."""
        return {}

    def zone(self, client: Client, table: str) -> str | None:  # noqa: ARG002
        """Zone of timestamps without an offset where only the source knows it; None: that of the mapping."""
        return None

    def is_by_day(self, table: str) -> bool:
        """Whether rows are asked for by the day of their last change; others are read whole."""
        return bool(contract(table).since)

    def questions(self, table: str) -> Sequence[str]:
        """By which questions a table is read: each is asked, kept and landed by itself.

        `first`, `page` and the settings' `mapped` are given the name of a question in place of the table's.
        """
        return (table,)

    def census_whole(self, table: str, key: str) -> str:  # noqa: ARG002
        """The key by which a census may tell that everything a landed key belongs to is still there."""
        return key

    def refine(self, batch: Batch, is_landed: IsLanded) -> Batch | None:  # noqa: ARG002
        """A batch as it is to land; None: better leave what has landed. Nobody else holds the batch that is given."""
        return batch

    # --- what is written once ---

    @property
    def name(self) -> str:
        """Name of the source in the configuration."""
        return self._source.name

    @property
    def link(self) -> Link:
        """What the clients of this source share."""
        return self._link

    @property
    def traffic(self) -> Traffic:
        """What was exchanged for the table read last."""
        return self._link.traffic

    def read_days(self, window: Window) -> Window:
        """The days that a run for `window` reads of a table that is read by day."""
        return Window(window.start - timedelta(days=self._source.lookback_days), window.end)

    def tables(self) -> list[str]:
        """The configured contract tables, and `tombstones` where a census is taken."""
        return [*self._source.tables, *([census.TOMBSTONES] if self._counted() else [])]

    def batches(self, table: str, window: Window, is_landed: IsLanded) -> Iterator[Batch | RejectedInput]:
        """A batch a UTC day of the rows' last change (empty days included), or one snapshot.

        Tables whose contract says since when a row is as it is are read by day, others whole. When a census is due,
        days on which it misses rows follow. Raises `SourceError`.
        """
        self._link.traffic = Traffic()
        if table == census.TOMBSTONES:
            if self._home is not None:
                yield from census.tombstones(self._home, self.name, self._counted())
            return
        if table not in self.tables():
            return
        wide = self.read_days(window) if self.is_by_day(table) else None
        with self.client() as client:
            for question in self.questions(table):
                folder = table if question == table else slug(question)
                yield from self._read(client, table, question, folder, wide, is_landed)
            if self._home is not None:
                yield from self.take_census(client, self._home, table, window, is_landed)

    def probe(self, window: Window) -> Probe:
        """One bounded question a table: does it answer, does it hold anything?

        Raises `SourceError` for the first table that cannot be read.
        """
        empty = []
        with self.client() as client:
            for table in self._source.tables:
                ask = self._asker(client, table)
                page = ask(self.first(table, window if self.is_by_day(table) else None))
                if not page.rows and not page.announced and page.next is None:
                    empty.append(table)
            return Probe(tuple(empty), client.warnings)

    def _read(
        self, client: Client, table: str, name: str, folder: str, window: Window | None, is_landed: IsLanded
    ) -> Iterator[Batch | RejectedInput]:
        with contextlib.ExitStack() as stack:
            question = self._question(client, table, name, window)
            spool = self._spooled(stack, folder, question.text)
            self._link.traffic.resumed_pages += spool.pages
            first, ask = self.first(name, window), self._asker(client, name)
            self._fetch(client, spool, first, ask)
            give_back()
            announced = self._shortfall(client, spool, first, ask)
            short = None if announced is None else self._refused(question, window, announced, spool.records())
            yield from self._given(client, window, question, spool, short, is_landed)

    def client(self) -> Client:
        """A client that is signed in as configured; to be closed."""
        return Client(
            self._source,
            sign_in=self.sign_in(),
            retries=self._retries,
            link=self._link,
            rights=self.rights,
            headers=self.headers(),
        )

    def _spooled(self, stack: contextlib.ExitStack, folder: str, question: str) -> Spool:
        root = self._spool
        if root is None:
            root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ullage-spool-")))
        spool = Spool(root / self.name / folder, question)
        try:
            return stack.enter_context(spool)
        except SpoolBusyError as error:
            raise SourceError(self.name, str(error), "let one run at a time read a source") from None

    def _question(self, client: Client, table: str, name: str, window: Window | None) -> _Question:
        mapped = self._source.mapped(name)
        declaration = mapped.declaration(table, self.zone(client, table))
        asked = [self._source.url, name, mapped.source, mapped.filter, mapped.source_fields]
        days = window and [window.start.isoformat(), window.end.isoformat()]
        text = json.dumps([*asked, days, self._source.page_rows])
        return _Question(table, name, mapped, declaration, text)

    def _fetch(self, client: Client, spool: Spool, first: Cursor, ask: Callable[[Cursor], Page]) -> None:
        """Ask until the end, each page durable before the next is asked for."""
        while not spool.is_complete:
            cursor = spool.next if spool.pages else first
            assert cursor is not None
            self._keep(client, spool, ask(cursor))

    def _keep(self, client: Client, spool: Spool, page: Page) -> None:
        spool.append(page)
        client.traffic.rows += len(page.rows)

    def _shortfall(
        self, client: Client, spool: Spool, first: Cursor, ask: Callable[[Cursor], Page]
    ) -> int | None:
        """How many records the source announces when fewer came, and fewer still when asked again; None: all came.

        Records may have gone since they were announced, or have come in behind the cursor: a row made in the second
        in which a page ended, with a lower key. So the pages are read once more, unless hidden rows are expected.
        """
        if spool.announced is None or spool.records() >= spool.announced:
            return None
        page = ask(first)
        if page.announced is None or spool.records() >= page.announced:
            return None
        if not self._source.accept_hidden_rows:
            self._keep(client, spool, page)
            self._fetch(client, spool, first, ask)
        return page.announced if spool.records() < page.announced else None

    def _asker(self, client: Client, name: str) -> Callable[[Cursor], Page]:
        return lambda cursor: self._page(client, lambda: self.page(client, name, cursor), cursor)

    def _page(self, client: Client, ask: Callable[[], Page], cursor: Cursor) -> Page:
        """A page that leads on. One that leads to itself, as from a stale cache, is asked for again."""

        def once() -> Page:
            page = ask()
            if page.next == cursor:
                raise TransientError("the source answers with a page that leads to itself")
            return page

        try:
            return self._retries.call(once)
        except TransientError as error:
            raise client.error(error.problem, "see whether a cache answers in place of the source") from None

    def _given(
        self,
        client: Client,
        window: Window | None,
        question: _Question,
        spool: Spool,
        short: RejectedInput | None,
        is_landed: IsLanded,
    ) -> Iterator[Batch | RejectedInput]:
        warnings = [*dict.fromkeys([*client.warnings, *spool.warnings]), *_repeats(question.name, spool)]
        if short is not None:
            warnings.append(f"{short.reason}; fix: {short.fix}")
        landing = Outstanding(spool.remove)
        for day in [None] if window is None else _days(window):
            days = None if window is None else [day, *([None] if day == window.end else [])]
            done = landing.take()
            # Held here by nobody: neither two forms of a day nor two days are there at a time.
            refined = self.refine(
                self._batch(
                    question,
                    day,
                    spool.frame(question.mapped.source_fields, days, question.mapped.moment),
                    tuple(warnings),
                    done,
                ),
                is_landed,
            )
            if refined is None or is_landed(refined.batch_id, refined.fingerprint):
                done()
            else:
                give_back()
                yield refined
            del refined
        if short is not None and not self._source.accept_hidden_rows:
            yield short
        landing.all_given()

    # --- census ---

    @property
    def _home(self) -> Path | None:
        return None if self._spool is None else self._spool.parent

    def _counted(self) -> list[str]:
        """Tables whose keys are counted: those that are read by day. Of others each run reads everything."""
        if not isinstance(self, Counted) or self._source.census_every_days is None:
            return []
        return [table for table in self._source.tables if contract(table).since]

    def take_census(
        self, client: Client, home: Path, table: str, window: Window, is_landed: IsLanded
    ) -> Iterator[Batch | RejectedInput]:
        """Take a census when one is due, note what is gone, and read days again on which something was missed.

        The days that `window` made the run read are fresh: what they miss is for the next census.
        """
        before, day = census.read(home, self.name, table), window.end
        if table not in self._counted() or not census.is_due(before, day, self._source.census_every_days):
            return
        with contextlib.ExitStack() as stack:
            question = json.dumps(
                [self._source.url, table, self._source.mapped(table).filter, day.isoformat()]
            )
            spool = self._spooled(stack, f"{table}.census", question)
            self._fetch(client, spool, {"census": table}, self._census_asker(client, table))
            held = [_held(row) for row in spool.rows()]
            known = census.landed(home, self.name, table)
            gone = census.gone(before, known, held, day, lambda key: self.census_whole(table, key))
            refused = self._not_believed(table, spool, gone, before, known)
            if refused is not None:
                spool.remove()
                if spool.announced is None or not self._source.accept_hidden_rows:
                    yield refused
                return
            just_read = set(_days(self.read_days(window)))
            by_history = contract(table).time is not None
            missed = [
                one for one in census.missed_days(known, held, by_history=by_history) if one not in just_read
            ]
            for window in census.windows(missed):
                yield from self._read(client, table, table, f"{table}.missed", window, is_landed)
            census.write(home, self.name, table, census.Census(day, len(held), gone))
            spool.remove()

    def _census_asker(self, client: Client, table: str) -> Callable[[Cursor], Page]:
        assert isinstance(self, Counted)
        first, census_page = {"census": table}, self.census_page

        def ask(cursor: Cursor) -> Page:
            given = None if cursor == first else cursor
            return self._page(client, lambda: census_page(client, table, given), cursor)

        return ask

    def _not_believed(
        self,
        table: str,
        spool: Spool,
        gone: Mapping[str, date],
        before: census.Census | None,
        known: census.Landed,
    ) -> RejectedInput | None:
        """Why a census does not show what is gone: rows are hidden from the account, or suddenly most are missing."""
        place = f"{self._source.url}/{self._source.mapped(table).source}"
        came, lost = spool.records(), census.lost_too_many(gone, before, known)
        if spool.announced is not None and came < spool.announced:
            reason = (
                f"{place}: the census gave {came} of {spool.announced} records: what is gone cannot be told"
            )
        elif lost:
            reason = f"{place}: {lost} of {len(known.newest)} landed records are gone from the source at once"
        else:
            return None
        return RejectedInput(
            source=self.name,
            table=table,
            batch_id=f"{table}/census",
            input_path=place,
            reason=reason,
            fix=f"see whether the account still has {self.rights}; "
            "if the records were really deleted, remove the landed table and read it anew",
        )

    def _batch(
        self,
        question: _Question,
        day: date | None,
        frame: pa.Table,
        warnings: tuple[str, ...],
        when_landed: Callable[[], None],
    ) -> Batch:
        return Batch(
            source=self.name,
            table=question.table,
            batch_id=question.name if day is None else f"{question.name}/{day.isoformat()}",
            frame=frame,
            declaration=question.declaration,
            input_path=f"{self._source.url}/{question.mapped.source}",
            input_sha256=frame_digest(frame),
            input_bytes=frame.nbytes,
            query=question.mapped.filter,
            window=None if day is None else Window(day, day),
            warnings=warnings,
            when_landed=when_landed,
        )

    def _refused(
        self, question: _Question, window: Window | None, announced: int, came: int
    ) -> RejectedInput:
        """What to say when fewer records came than the source announces."""
        place = f"{self._source.url}/{question.mapped.source}"
        span = "" if window is None else f" of {window.start} to {window.end}"
        return RejectedInput(
            source=self.name,
            table=question.table,
            batch_id=f"{question.name}/announced" + ("" if window is None else f"/{window.end}"),
            input_path=place,
            reason=f"{place}{span}: the source announced {announced} records and gave {came}",
            fix=f"grant the account {self.rights}, or set accept_hidden_rows if the others need not land",
        )


@dataclass(frozen=True)
class _Question:
    """What is asked for one table: its name, mapping, how landing reads the answer, a text that tells it apart."""

    table: str
    name: str
    mapped: Mapped
    declaration: Declaration
    text: str


def _held(row: RawRow) -> census.Held:
    created = row.cells.get("created")
    return census.Held(
        row.key,
        datetime.fromisoformat(created).date() if created else None,
        row.updated.date() if row.updated else None,
    )


def as_text(cell: Any) -> str | None:
    """A JSON value as the text that landing reads; None for null. Lists and objects stay JSON."""
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, (dict, list)):
        return json.dumps(cell, sort_keys=True, ensure_ascii=False)
    return repr(cell)


def _days(window: Window) -> list[date]:
    return [window.start + timedelta(days=number) for number in range((window.end - window.start).days + 1)]


def _repeats(table: str, spool: Spool) -> list[str]:
    counts = spool.count()
    found = []
    if counts.repeated:
        found.append(
            f"{table}: {counts.repeated} rows came twice, as pages overlapped or were read again, "
            "and count once"
        )
    if counts.superseded:
        found.append(
            f"{table}: {counts.superseded} rows were changed while they were read; the newest counts"
        )
    return found
