// Package dora has the words of the domain as types, the rules that turn events into facts, and the parts that move
// them: the processor (deliveries to facts), the jobs (lead times) and the projection (facts to instruments and to the
// checkpoint). It stands on the standard library alone; the small interfaces that it needs (Store, Catalog, Enricher,
// Recorder, Checkpoint) are declared here and satisfied by the sibling packages.
package dora
