// Package dora defines the types of the domain, all keys and subjects (keys.go), the metric families (family.go), and the interfaces
// through which the rules and the pipeline use the store, the catalog, GitHub and the instruments. It only imports the standard library.
package dora
