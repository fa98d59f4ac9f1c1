"""News goes out: messages and topics, the outbox, the MQTT client, evidence."""
