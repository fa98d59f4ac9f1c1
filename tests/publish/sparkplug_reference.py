"""The specification's `sparkplug_b.proto` for Google's own protobuf package: what the hand-written encoder is held
against. Only the fields without data sets, templates and properties; the package passes over the others."""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_FIELD = descriptor_pb2.FieldDescriptorProto
_PAYLOAD = {
    "timestamp": (1, _FIELD.TYPE_UINT64),
    "metrics": (2, _FIELD.TYPE_MESSAGE),
    "seq": (3, _FIELD.TYPE_UINT64),
    "uuid": (4, _FIELD.TYPE_STRING),
    "body": (5, _FIELD.TYPE_BYTES),
}
_METRIC = {
    "name": (1, _FIELD.TYPE_STRING),
    "alias": (2, _FIELD.TYPE_UINT64),
    "timestamp": (3, _FIELD.TYPE_UINT64),
    "datatype": (4, _FIELD.TYPE_UINT32),
    "is_historical": (5, _FIELD.TYPE_BOOL),
    "is_transient": (6, _FIELD.TYPE_BOOL),
    "is_null": (7, _FIELD.TYPE_BOOL),
}
_VALUE = {  # a oneof
    "int_value": (10, _FIELD.TYPE_UINT32),
    "long_value": (11, _FIELD.TYPE_UINT64),
    "float_value": (12, _FIELD.TYPE_FLOAT),
    "double_value": (13, _FIELD.TYPE_DOUBLE),
    "boolean_value": (14, _FIELD.TYPE_BOOL),
    "string_value": (15, _FIELD.TYPE_STRING),
    "bytes_value": (16, _FIELD.TYPE_BYTES),
}


def _made() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="sparkplug_b.proto", package="org.eclipse.tahu.protobuf")
    payload = file.message_type.add(name="Payload")
    metric = payload.nested_type.add(name="Metric")
    metric.oneof_decl.add(name="value")
    for name, (number, kind) in _PAYLOAD.items():
        repeated = kind == _FIELD.TYPE_MESSAGE
        field = payload.field.add(name=name, number=number, type=kind)
        field.label = _FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL
        if repeated:
            field.type_name = ".org.eclipse.tahu.protobuf.Payload.Metric"
    for name, (number, kind) in _METRIC.items():
        metric.field.add(name=name, number=number, type=kind, label=_FIELD.LABEL_OPTIONAL)
    for name, (number, kind) in _VALUE.items():
        metric.field.add(name=name, number=number, type=kind, label=_FIELD.LABEL_OPTIONAL, oneof_index=0)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("org.eclipse.tahu.protobuf.Payload"))


ReferencePayload: Any = _made()
"""The specification's Payload."""


def value_of(metric: Any) -> Any:
    """A reference metric's value; None is null. Long values are signed here, as they are for the type Int64."""
    which = metric.WhichOneof("value")
    if which is None:
        return None
    found = getattr(metric, which)
    return found - 2**64 if which == "long_value" and found >= 2**63 else found
