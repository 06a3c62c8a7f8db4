package intl

import (
	"slices"
	"strconv"
	"strings"
)

// decimal is a number with any count of digits: 0.d1d2d3… × 10^point. Zero has none.
type decimal struct {
	negative      bool
	nan, infinite bool
	digits        []byte // '0' to '9'; neither the first nor the last is '0'
	point         int
}

// maxExponent bounds how many zeros a text of a few letters can ask for.
const maxExponent = 4096

// maxDigits bounds the digits of a number. The largest that is no big integer has 309.
const maxDigits = 2000

// parseDecimal reads what JavaScript's String makes of a number or a big integer, and the
// decimal literals that Intl takes as text.
func parseDecimal(text string) (decimal, error) {
	var d decimal
	s := text
	if rest, ok := strings.CutPrefix(s, "-"); ok {
		d.negative, s = true, rest
	} else {
		s = strings.TrimPrefix(s, "+")
	}
	switch s {
	case "NaN":
		return decimal{nan: true}, nil
	case "Infinity":
		d.infinite = true
		return d, nil
	}
	mantissa, exp, hasExp := strings.Cut(strings.ToLower(s), "e")
	exponent := 0
	if hasExp {
		var err error
		if exponent, err = strconv.Atoi(exp); err != nil || exponent > maxExponent || exponent < -maxExponent {
			return d, rangeError("the number has too many digits")
		}
	}
	integer, fraction, _ := strings.Cut(mantissa, ".")
	if len(integer)+len(fraction) > maxDigits {
		return d, rangeError("the number has too many digits; %d are allowed", maxDigits)
	}
	if integer+fraction == "" || !isDigit(integer+fraction) {
		return decimal{nan: true}, nil
	}
	d.digits = append([]byte(integer), fraction...)
	d.point = len(integer) + exponent
	d.trim()
	return d, nil
}

// trim restores what decimal promises.
func (d *decimal) trim() {
	lead := 0
	for lead < len(d.digits) && d.digits[lead] == '0' {
		lead++
	}
	end := len(d.digits)
	for end > lead && d.digits[end-1] == '0' {
		end--
	}
	d.digits = d.digits[lead:end]
	d.point -= lead
	if len(d.digits) == 0 {
		d.point = 0
	}
}

func (d decimal) zero() bool { return len(d.digits) == 0 && !d.nan && !d.infinite }

// magnitude is the exponent of the first digit: 0 for 1 to 9.
func (d decimal) magnitude() int {
	if len(d.digits) == 0 {
		return 0
	}
	return d.point - 1
}

func (d decimal) shift(n int) decimal {
	if len(d.digits) > 0 {
		d.point += n
	}
	return d
}

// round keeps the digits down to 10^place, in steps of increment.
func (d decimal) round(place int, increment int, mode string) decimal {
	if d.nan || d.infinite || len(d.digits) == 0 {
		return d
	}
	keep := d.point - place // digits that stay
	if increment <= 1 {
		if keep >= len(d.digits) {
			return d
		}
		var head []byte
		if keep > 0 {
			head = slices.Clone(d.digits[:keep])
		}
		half := half(d.digits, keep)
		odd := len(head) > 0 && (head[len(head)-1]-'0')%2 == 1
		if up(mode, half, odd, d.negative) {
			head = increase(head)
		}
		out := d
		out.digits = head
		out.point = len(head) + place
		out.trim()
		return out
	}
	// Units of the place, divided by the increment.
	whole := []byte("0")
	if keep > 0 {
		whole = make([]byte, keep)
		for i := range whole {
			whole[i] = '0'
			if i < len(d.digits) {
				whole[i] = d.digits[i]
			}
		}
	}
	exact := keep >= len(d.digits)
	quotient, rest := make([]byte, len(whole)), 0
	for i, c := range whole {
		rest = rest*10 + int(c-'0')
		quotient[i] = byte('0' + rest/increment)
		rest %= increment
	}
	h := -1
	switch {
	case rest == 0 && exact:
		h = -2
	case 2*rest > increment || 2*rest == increment && !exact:
		h = 1
	case 2*rest == increment:
		h = 0
	case 2*rest == increment-1: // half an odd increment ends in a half
		h = max(half(d.digits, keep), -1)
	}
	if up(mode, h, (quotient[len(quotient)-1]-'0')%2 == 1, d.negative) {
		quotient = increase(quotient)
	}
	product, carry := make([]byte, len(quotient)+5), 0
	for i := len(product) - 1; i >= 0; i-- {
		v := carry
		if j := i - 5; j >= 0 {
			v += int(quotient[j]-'0') * increment
		}
		product[i] = byte('0' + v%10)
		carry = v / 10
	}
	out := d
	out.digits, out.point = product, len(product)+place
	out.trim()
	return out
}

// half compares what follows the first keep digits with one half: -1, 0, 1; -2 for nothing.
func half(digits []byte, keep int) int {
	if keep < 0 {
		return -1
	}
	rest := digits[keep:]
	switch {
	case len(rest) == 0:
		return -2
	case rest[0] > '5' || rest[0] == '5' && len(rest) > 1: // the last digit is no zero
		return 1
	case rest[0] == '5':
		return 0
	}
	return -1
}

// up says whether a rounding mode goes away from zero.
func up(mode string, half int, odd, negative bool) bool {
	if half == -2 {
		return false
	}
	switch mode {
	case "ceil":
		return !negative
	case "floor":
		return negative
	case "expand":
		return true
	case "trunc":
		return false
	case "halfCeil":
		return half > 0 || half == 0 && !negative
	case "halfFloor":
		return half > 0 || half == 0 && negative
	case "halfTrunc":
		return half > 0
	case "halfEven":
		return half > 0 || half == 0 && odd
	}
	return half >= 0 // halfExpand
}

// increase adds one to the last digit.
func increase(digits []byte) []byte {
	for i := len(digits) - 1; i >= 0; i-- {
		if digits[i] != '9' {
			digits[i]++
			return digits
		}
		digits[i] = '0'
	}
	return append([]byte{'1'}, digits...)
}

// text writes the digits with at least so many before and after the point.
func (d decimal) text(minInteger, minFraction int) (integer, fraction string) {
	var a, b []byte
	for i := 0; i < d.point; i++ {
		c := byte('0')
		if i < len(d.digits) {
			c = d.digits[i]
		}
		a = append(a, c)
	}
	for i := d.point; i < len(d.digits); i++ {
		c := byte('0')
		if i >= 0 {
			c = d.digits[i]
		}
		b = append(b, c)
	}
	for len(b) < minFraction {
		b = append(b, '0')
	}
	if n := minInteger - len(a); n > 0 {
		a = append(slices.Repeat([]byte{'0'}, n), a...)
	}
	return string(a), string(b)
}
