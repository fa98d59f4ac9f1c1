"""Pure decisions: score -> threshold -> alarm. Time is an argument, a decision is a return value."""
