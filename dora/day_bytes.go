package dora

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"
)

// Bits of the second number of a deployment in the bytes of a day.
const (
	bitSucceeded = 1 << iota
	bitFailed
	bitFirst
	bitChanges
	bitCause
	bitRepaired
	bitRecovery
	bitRework
)

// Encode returns the deployments of a day as bytes: numbers of variable length, times and numbers as differences.
func (d MeasuredDay) Encode() []byte {
	b := make([]byte, 0, 16*len(d.Deployments))
	var at, id int64
	for _, m := range d.Deployments {
		bits := m.bits()
		ms := m.At.UnixMilli()
		b = binary.AppendVarint(b, ms-at)
		b = binary.AppendUvarint(b, bits)
		b = binary.AppendVarint(b, m.ID-id)
		at, id = ms, m.ID
		if bits&bitFirst != 0 {
			b = binary.AppendVarint(b, ms-m.First.UnixMilli())
		}
		if bits&bitChanges != 0 {
			b = binary.AppendUvarint(b, uint64(m.WithoutLeadTime))
			b = binary.AppendUvarint(b, uint64(len(m.LeadTimes)))
			for _, took := range m.LeadTimes {
				b = binary.AppendVarint(b, took)
			}
		}
		if bits&bitCause != 0 {
			b = binary.AppendVarint(b, int64(slices.Index(Causes, m.Cause)))
		}
		if bits&bitRecovery != 0 {
			b = binary.AppendVarint(b, m.Recovery)
		}
		if bits&bitRework != 0 {
			b = binary.AppendVarint(b, int64(slices.Index(Causes, m.Rework)))
		}
	}
	return b
}

func (m Measured) bits() (bits uint64) {
	set := func(bit uint64, is bool) {
		if is {
			bits |= bit
		}
	}
	set(bitSucceeded, m.Succeeded)
	set(bitFailed, m.Failed)
	set(bitFirst, !m.First.Equal(m.At))
	set(bitChanges, len(m.LeadTimes)+m.WithoutLeadTime > 0)
	set(bitCause, m.Cause != "")
	set(bitRepaired, m.IsRepaired)
	set(bitRecovery, m.IsRepaired && m.Recovery != NoRecovery)
	set(bitRework, m.Rework != "")
	return bits
}

var errNoDay = errors.New("it is no day")

// Decode sets the deployments of a day to those that Encode made bytes of.
func (d *MeasuredDay) Decode(b []byte) error {
	r := numbers{left: b}
	var at, id int64
	d.Deployments = nil
	for len(r.left) > 0 {
		at += r.next()
		bits := r.nextUnsigned()
		id += r.next()
		m := Measured{
			ID: id, At: time.UnixMilli(at).UTC(), Succeeded: bits&bitSucceeded != 0, Failed: bits&bitFailed != 0, IsRepaired: bits&bitRepaired != 0,
			Recovery: NoRecovery,
		}
		m.First = m.At
		if bits&bitFirst != 0 {
			m.First = time.UnixMilli(at - r.next()).UTC()
		}
		if bits&bitChanges != 0 {
			m.WithoutLeadTime = int(r.nextUnsigned())
			for range min(r.nextUnsigned(), uint64(len(r.left))) {
				m.LeadTimes = append(m.LeadTimes, r.next())
			}
		}
		if bits&bitCause != 0 {
			m.Cause = r.nextCause()
		}
		if bits&bitRecovery != 0 {
			m.Recovery = r.next()
		}
		if bits&bitRework != 0 {
			m.Rework = r.nextCause()
		}
		d.Deployments = append(d.Deployments, m)
	}
	return r.err
}

// numbers reads numbers of variable length.
type numbers struct {
	left []byte
	err  error
}

func (r *numbers) next() int64 {
	n, length := binary.Varint(r.left)
	r.skip(length)
	return n
}

func (r *numbers) nextUnsigned() uint64 {
	n, length := binary.Uvarint(r.left)
	r.skip(length)
	return n
}

func (r *numbers) nextCause() Cause {
	n := r.next()
	if n < 0 || n >= int64(len(Causes)) {
		r.skip(0)
		return ""
	}
	return Causes[n]
}

func (r *numbers) skip(length int) {
	if length <= 0 {
		r.left, r.err = nil, errNoDay
		return
	}
	r.left = r.left[length:]
}
