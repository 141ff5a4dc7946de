"""From YAML to a `Policy`: parse and compile. Errors say file:line:column."""
