module dora-exporter/bench

go 1.26.0

require dora-exporter v0.0.0

replace dora-exporter => ../
