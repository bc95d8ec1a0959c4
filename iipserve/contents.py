"""From the content of an answer to a response: one method for each kind of content."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from typing import Any, TypeAlias

from iipserve.engine.large_file import SpillingWriter
from iipserve.engine.output_policy import OutputPolicy
from iipserve.engine.renderer import PROVISIONAL, Renderer
from iipserve.errors import IIPServeError
from iipserve.http import Headers, Request, Response
from iipserve.http.conditions import evaluated, has_condition
from iipserve.http.warnings import listed, warning
from iipserve.leader import hand_over
from iipserve.plan import (
    Bundle,
    CoveragePlan,
    Document,
    Envelope,
    LargeRendition,
    Pieces,
    Redirect,
    RenderPlan,
    Rendition,
    SamplePlan,
    StatisticsPlan,
    ValuePlan,
)
from iipserve.protocols import ErrorAnswer, plain_error
from iipserve.responses import (
    REVALIDATED,
    Modified,
    ReadyDocument,
    ResponseBuilder,
    Versioned,
    last_modified,
    new_digest,
)

MAX_HELD_BUNDLE = 1 << 20
"""Bytes of a bundle that are held in memory; longer ones are written to the disk, rendition by rendition."""
MANY = 4
"""Renditions of a bundle above which it waits for others of its kind."""
Respond: TypeAlias = Callable[[Request, Any, Headers, Versioned], Response]
"""(request, content, headers that only the protocol knows, the images that the query names) -> response. Raises
`ImageChanged` if an image of the content has been replaced since it was planned, and what rendering raises."""


class ContentResponder:
    """Makes the responses of all kinds of contents. Safe for many threads."""

    def __init__(self, renderer: Renderer, output_policy: OutputPolicy, responses: ResponseBuilder) -> None:
        self._renderer = renderer
        self._output_policy = output_policy
        self._responses = responses
        self.by_type: Mapping[type, Respond] = {
            RenderPlan: self._rendered,
            SamplePlan: self._samples,
            StatisticsPlan: self._statistics,
            ValuePlan: self._values,
            CoveragePlan: self._coverage,
            ReadyDocument: self._ready,
            Redirect: self._redirect,
            Bundle: self._bundle,
        }
        """The method for each kind."""

    def _rendered(self, request: Request, plan: RenderPlan, headers: Headers, images: Versioned) -> Response:
        modified = _modified(plan.images, headers)
        if has_condition(request) and (status := evaluated(request, plan.digest, modified)):
            self._renderer.check(plan)
            return self._responses.conditional(status, plan.digest, modified, headers)
        rendition = self._renderer.render(plan)
        if rendition.etag.endswith(PROVISIONAL):
            # clients and proxies must not keep it, nor prove it by the date of the file
            return self._responses.ok(
                rendition.body,
                rendition.media_type,
                rendition.etag,
                None,
                _provisional(headers, rendition.faults),
            )
        return self._responses.ok(rendition.body, rendition.media_type, rendition.etag, modified, headers)

    def rendered_error(self, error: IIPServeError, answer: ErrorAnswer) -> ErrorAnswer:
        """An error whose picture, if it is to be one, is made; it is text where that fails."""
        content = answer.content
        if isinstance(content, Document):
            return answer
        try:
            rendition = self._renderer.render(content)
        except IIPServeError:
            return plain_error(error)
        body = rendition.body if isinstance(rendition.body, bytes) else b"".join(rendition.body)
        return answer._replace(content=Document(body, rendition.media_type))

    def _samples(self, request: Request, plan: SamplePlan, headers: Headers, images: Versioned) -> Response:
        self._output_policy.check_samples()
        document = plan.describe(self._renderer.samples(plan))
        return self._responses.ready(request, self._responses.ready_document(document, headers, images))

    def _statistics(
        self, request: Request, plan: StatisticsPlan, headers: Headers, images: Versioned
    ) -> Response:
        if plan.counts_samples:
            self._output_policy.check_samples()
        document = plan.describe(self._renderer.statistics(plan.image))
        return self._responses.ready(request, self._responses.ready_document(document, headers, images))

    def _values(self, request: Request, plan: ValuePlan, headers: Headers, images: Versioned) -> Response:
        self._output_policy.check_samples()
        document = plan.describe(self._renderer.values(plan))
        return self._responses.ready(request, self._responses.ready_document(document, headers, images))

    def _coverage(
        self, request: Request, plan: CoveragePlan, headers: Headers, images: Versioned
    ) -> Response:
        self._output_policy.check_samples()
        coverages, modified = self._renderer.coverages, _modified(plan.images, headers)
        if has_condition(request) and (status := evaluated(request, plan.digest, modified)):
            coverages.check(plan)
            return self._responses.conditional(status, plan.digest, modified, headers)
        file, envelope = coverages.render(plan), plan.envelope
        if envelope is None:
            return self._responses.ok(file.body, file.media_type, plan.digest, modified, headers)
        enclosed = Enclosed(envelope, file.body)
        body = b"".join(enclosed) if isinstance(file.body, bytes) else enclosed
        return self._responses.ok(body, envelope.media_type, plan.digest, modified, headers)

    def _ready(
        self, request: Request, document: ReadyDocument, headers: Headers, images: Versioned
    ) -> Response:
        return self._responses.ready(request, document)

    def _redirect(
        self, request: Request, redirect: Redirect, headers: Headers, images: Versioned
    ) -> Response:
        return self._responses.redirect(redirect, headers)

    def _bundle(self, request: Request, bundle: Bundle, headers: Headers, images: Versioned) -> Response:
        hand_over()  # planning and rendering several takes long, each of them does not
        modified = last_modified(images)
        tags = []
        place = self._renderer.admit_bundle() if len(bundle.plans) > MANY else nullcontext()
        with place, closing(SpillingWriter(MAX_HELD_BUNDLE)) as writer:
            plans: Sequence[RenderPlan] = bundle.plans
            if has_condition(request):
                plans = tuple(plans)
                etag = _bundle_tag(bundle, (plan.digest for plan in plans))
                if status := evaluated(request, etag, modified):
                    return self._responses.conditional(status, etag, modified, headers)
            for index, plan in enumerate(plans):
                rendition = self._renderer.render(plan)
                writer.write(bundle.frame(index, _whole_body(rendition)))
                tags.append(rendition.etag)
            body = writer.body()
        etag = _bundle_tag(bundle, tags)
        if any(tag.endswith(PROVISIONAL) for tag in tags):
            # as a single one that is
            etag, modified, headers = etag + PROVISIONAL, None, (*headers, REVALIDATED)
        return self._responses.ok(body, bundle.media_type, etag, modified, headers)


def _provisional(headers: Headers, faults: Sequence[str]) -> Headers:
    """The headers of a rendition that a later one may differ from, with the images that it lacks."""
    if faults:
        text = f"{len(faults)} of the images shown cannot be read: {listed(faults)}"
        headers = (*headers, warning(text))
    return headers if REVALIDATED in headers else (*headers, REVALIDATED)


def _modified(images: Versioned, headers: Headers) -> Modified:
    """When the newest image was changed; None for answers that change without any of them, as those of collections."""
    return None if REVALIDATED in headers else last_modified(images)


class Enclosed:
    """A file with what surrounds it: `Pieces` of an answer."""

    def __init__(self, envelope: Envelope, file: bytes | Pieces) -> None:
        self._envelope = envelope
        self._file = file

    def __len__(self) -> int:
        return len(self._envelope.head) + len(self._file) + len(self._envelope.tail)

    def __iter__(self) -> Iterator[bytes]:
        yield self._envelope.head
        yield from (self._file,) if isinstance(self._file, bytes) else self._file
        yield self._envelope.tail


def _bundle_tag(bundle: Bundle, tags: Iterable[str]) -> str:
    """The entity tag of a bundle by those of its renditions, since digests of large bodies take as long as decoding them."""
    known = new_digest()
    for index, tag in enumerate(tags):
        known.update(bundle.frame(index, tag.encode()))
    return known.hexdigest()


def _whole_body(rendition: Rendition | LargeRendition) -> bytes:
    body = rendition.body
    return body if isinstance(body, bytes) else b"".join(body)
