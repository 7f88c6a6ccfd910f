"""What recording costs a workload, beside what tracing it costs."""
