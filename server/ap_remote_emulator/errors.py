"""What the service refuses, as exceptions that know their status, code and body.

::

    ServiceError                 an answer other than success
      NodeNotFoundError          404 NODE_NOT_FOUND
      ClusterNotFoundError       404, nobody has this cluster id
      ShareNotFoundError         404, no such share, or none any more
      NameTakenError             409 NAME_ALREADY_EXISTS, carries the holder of the name
      DuplicateContentError      409, the account already holds these bytes
      LocalIdTakenError          409, the caller has used this localId before
      BadRequestError            400
        InvalidFilterError       400 "Invalid filter: …", carries the position
        PagingError              400 with nothing but a message
      ForbiddenError             403
      LengthRequiredError        411, a form that does not say how long it is
      UploadNotFoundError        404, a multipart upload that is not going on
      PreconditionError          412
      StoreFullError             500, the disk has no room left
      StoreDamagedError          500, a blob that a node needs is not there
    StoreError                   the data folder cannot be opened; never an answer

Only ``handlers.answers`` turns a :class:`ServiceError` into a response body.
"""

from __future__ import annotations


class ServiceError(Exception):
    """An answer other than success.

    Attributes:
        status: the HTTP status.
        code: Amazon's error code, ``""`` where the real service gives none.
        info: further keys for the body.
    """

    status = 500
    code = ""

    def __init__(self, message: str, *, info: dict[str, object] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.info = info or {}


class NodeNotFoundError(ServiceError):
    """No node has this id, or it was purged."""

    status = 404
    code = "NODE_NOT_FOUND"

    def __init__(self, node_id: str) -> None:
        super().__init__(f"Node does not exist: {node_id[:64]}")


class ClusterNotFoundError(ServiceError):
    """No cluster of faces has this id, or it was joined with another."""

    status = 404
    code = "CLUSTER_NOT_FOUND"  # (inferred)

    def __init__(self, cluster_id: str) -> None:
        super().__init__(f"Cluster does not exist: {cluster_id[:64]}")


class ShareNotFoundError(ServiceError):
    """Nothing is shared under this id."""

    status = 404
    code = "SHARE_NOT_FOUND"  # (inferred)

    def __init__(self, share_id: str) -> None:
        super().__init__(f"Share does not exist: {share_id[:64]}")


class NoRenditionError(ServiceError):
    """The node is not a picture, or its bytes cannot be read as one."""

    status = 404
    code = "RENDITION_NOT_FOUND"  # (inferred)


class NameTakenError(ServiceError):
    """Another node has this name under the same parent; the message shows the name in lower case."""

    status = 409
    code = "NAME_ALREADY_EXISTS"

    def __init__(self, name: str, parent_id: str, node_id: str) -> None:
        super().__init__(
            f"Node with the name {name.lower()} already exists under parentId {parent_id}"
            f" conflicting NodeId: {node_id}",
            info={"nodeId": node_id},
        )
        self.node_id = node_id


class DuplicateContentError(ServiceError):
    """The account already holds these bytes. The code literal is (inferred): no source shows it."""

    status = 409
    code = "MD5_DUPLICATE"

    def __init__(self, md5: str, node_id: str) -> None:
        super().__init__(
            f"Node with the md5 {md5} already exists conflicting NodeId: {node_id}",
            info={"nodeId": node_id},
        )
        self.node_id = node_id


class LocalIdTakenError(ServiceError):
    """A node was made with this ``localId`` before. The code literal is (inferred)."""

    status = 409
    code = "LOCAL_ID_ALREADY_EXISTS"

    def __init__(self, local_id: str, node_id: str) -> None:
        super().__init__(
            f"Node with the localId {local_id[:64]} already exists conflicting NodeId: {node_id}",
            info={"nodeId": node_id},
        )
        self.node_id = node_id


class LengthRequiredError(ServiceError):
    """A body whose length is needed and was not told."""

    status = 411
    code = "LENGTH_REQUIRED"  # (inferred)

    def __init__(self) -> None:
        super().__init__("Content-Length is required")


class UploadNotFoundError(ServiceError):
    """No multipart upload of this id is going on for this node."""

    status = 404
    code = "UPLOAD_NOT_FOUND"  # (inferred)

    def __init__(self, upload_id: str) -> None:
        super().__init__(f"Upload does not exist: {upload_id[:64]}")


class BadRequestError(ServiceError):
    """A parameter or a body that makes no sense."""

    status = 400
    code = "BAD_REQUEST"  # (inferred)


class InvalidFilterError(BadRequestError):
    """A filter that cannot be parsed; *position* counts characters from 0."""

    code = "INVALID_FILTER"  # (inferred)

    def __init__(self, problem: str, position: int) -> None:
        super().__init__(f"Invalid filter: {problem} at character {position + 1}")
        self.problem = problem
        self.position = position


class PagingError(BadRequestError):
    """A page that cannot be had; answered with a bare message."""


class ForbiddenError(ServiceError):
    """What nobody may do, such as trashing the root."""

    status = 403
    code = "FORBIDDEN"  # (inferred)


class PreconditionError(ServiceError):
    """The node changed since the caller read it."""

    status = 412
    code = "PRECONDITION_FAILED"  # (inferred)


class StoreFullError(ServiceError):
    """The disk has no room; nothing was stored."""

    status = 500
    code = "INSUFFICIENT_STORAGE"  # (inferred)

    def __init__(self) -> None:
        super().__init__("No space left in the store; nothing was stored")


class StoreDamagedError(ServiceError):
    """The bytes of a node are not in the store."""

    status = 500
    code = "CONTENT_MISSING"  # (inferred)

    def __init__(self, node_id: str) -> None:
        super().__init__(f"The content of node {node_id} is missing from the store")


class StoreError(OSError):
    """The data folder cannot be used as a store."""
