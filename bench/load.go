package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// loadHTTP posts the body over kept-alive connections for the span and reads every
// answer. It parses no more of HTTP than that takes, so that most of the machine is
// left to the system under test.
func loadHTTP(ctx context.Context, addr, host string, conns int, span time.Duration) (sample, error) {
	head := fmt.Sprintf("POST / HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", host, len(body), body)
	ctx, cancel := context.WithTimeout(ctx, span)
	defer cancel()
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		out   sample
		times []time.Duration
		first error
	)
	began := time.Now()
	for range conns {
		wg.Go(func() {
			seen, took, err := connection(ctx, addr, []byte(head))
			mu.Lock()
			defer mu.Unlock()
			out.calls.merge(seen)
			times = append(times, took...)
			if err != nil && first == nil {
				first = err
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(began)
	if first != nil {
		return out, first
	}
	out.Requests = len(times)
	out.Rate = float64(len(times)) / elapsed.Seconds()
	out.P50, out.P99 = percentiles(times)
	return out, nil
}

func percentiles(times []time.Duration) (p50, p99 float64) {
	if len(times) == 0 {
		return 0, 0
	}
	slices.Sort(times)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return ms(times[len(times)/2]), ms(times[len(times)*99/100])
}

// connection sends one request after the other until the span is over.
func connection(ctx context.Context, addr string, request []byte) (seen callRange, took []time.Duration, err error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return seen, nil, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Minute))
	r := bufio.NewReaderSize(c, 16<<10)
	var buf []byte
	for ctx.Err() == nil {
		began := time.Now()
		if _, err := c.Write(request); err != nil {
			return seen, took, err
		}
		if buf, err = readAnswer(r, buf[:0]); err != nil {
			return seen, took, err
		}
		took = append(took, time.Since(began))
		n, err := counter(buf)
		if err != nil {
			return seen, took, err
		}
		seen.add(n)
	}
	return seen, took, nil
}

// readAnswer reads one HTTP answer and gives its body.
func readAnswer(r *bufio.Reader, buf []byte) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
		rest := make([]byte, min(r.Buffered(), 600))
		_, _ = io.ReadFull(r, rest)
		return nil, fmt.Errorf("answer %q: %s", bytes.TrimSpace(line), rest)
	}
	length, chunked := -1, false
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if v, ok := field(line, "content-length"); ok {
			if length, err = strconv.Atoi(v); err != nil {
				return nil, err
			}
		} else if v, ok := field(line, "transfer-encoding"); ok && strings.EqualFold(v, "chunked") {
			chunked = true
		}
	}
	switch {
	case chunked:
		for {
			line, err := r.ReadSlice('\n')
			if err != nil {
				return nil, err
			}
			n, err := strconv.ParseInt(string(bytes.TrimRight(line, "\r\n")), 16, 32)
			if err != nil {
				return nil, err
			}
			if buf, err = readN(r, buf, int(n)+2); err != nil { // with CRLF
				return nil, err
			}
			buf = buf[:len(buf)-2]
			if n == 0 {
				return buf, nil
			}
		}
	case length >= 0:
		return readN(r, buf, length)
	default:
		return nil, errors.New("the answer has no length")
	}
}

func readN(r *bufio.Reader, buf []byte, n int) ([]byte, error) {
	at := len(buf)
	buf = slices.Grow(buf, n)[:at+n]
	_, err := io.ReadFull(r, buf[at:])
	return buf, err
}

// field gives a header line's value if its name is the given lower-case one.
func field(line []byte, name string) (string, bool) {
	if len(line) <= len(name) || line[len(name)] != ':' || !strings.EqualFold(string(line[:len(name)]), name) {
		return "", false
	}
	return strings.TrimSpace(string(line[len(name)+1:])), true
}

// counter reads the number of calls that the answering instance has seen, and checks
// that the answer is whole.
func counter(answer []byte) (int, error) {
	rest, ok := bytes.CutPrefix(answer, []byte(`{"calls":`))
	comma := bytes.IndexByte(rest, ',')
	if !ok || comma < 0 || !bytes.HasSuffix(answer, []byte("}}")) || len(answer) < 1000 {
		return 0, fmt.Errorf("not the handler's answer: %.200q", answer)
	}
	return strconv.Atoi(string(rest[:comma]))
}
