module dora-exporter/integration

go 1.26.0
