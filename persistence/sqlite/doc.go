// Package sqlite keeps deliveries, facts, work that waits and what the rules remember in a SQLite database, durably. One process
// at a time has it open for serving; others may read.
package sqlite
