// Package dora defines the words of the domain as types, the keys and subjects by which they are found, the metric families,
// and the ports through which the rules and the pipeline reach the store, the catalog, GitHub and the instruments. It imports
// the standard library only.
package dora
