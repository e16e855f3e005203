//! RSA keys of a library in smart cards whose primes have a form that lets anybody factor them (CVE-2017-15361, "ROCA").
//! Such a modulus shows: to every small prime it is a power of 65537.

/// Whether the modulus has that form. Of a good key the first few primes say no; one in 2^100 would be wronged.
pub(super) fn is_factorable(n: &[u8]) -> bool {
    (3..=PRIME_MAX).filter(|number| is_prime(*number)).all(|prime| is_power(remainder(n, prime), prime))
}

fn remainder(n: &[u8], prime: u32) -> u32 {
    n.iter().fold(0, |rest, octet| (rest * 256 + u32::from(*octet)) % prime)
}

/// Whether `value` is a power of 65537 modulo `prime`. The powers come round to 1.
fn is_power(value: u32, prime: u32) -> bool {
    let mut power = 1;
    loop {
        if power == value {
            return true;
        }
        power = power * (65537 % prime) % prime;
        if power == 1 {
            return false;
        }
    }
}

fn is_prime(number: u32) -> bool {
    (2..number).take_while(|divisor| divisor * divisor <= number).all(|divisor| !number.is_multiple_of(divisor))
}

/// The last of the 126 primes by which keys of 2,048 bits were made; those of longer keys are more.
const PRIME_MAX: u32 = 701;

#[cfg(test)]
mod tests {
    use super::*;

    /// 65537 to this power, which is the form in its purest: big-endian.
    fn power(exponent: usize) -> Vec<u8> {
        (0..exponent).fold(vec![1], |value, _| {
            let (mut sum, mut carry) = (Vec::new(), 0);
            let shifted = [&value[..], &[0, 0]].concat();
            let padded = [&[0, 0], &value[..]].concat();
            for (one, other) in shifted.iter().zip(&padded).rev() {
                let digit = u16::from(*one) + u16::from(*other) + carry;
                sum.push(digit.to_le_bytes()[0]);
                carry = digit >> 8;
            }
            sum.push(u8::try_from(carry).unwrap());
            sum.reverse();
            sum.into_iter().skip_while(|octet| *octet == 0).collect()
        })
    }

    #[test]
    fn a_modulus_of_the_form_is_found_and_its_neighbours_are_not() {
        for exponent in [1, 2, 64, 128, 256] {
            let mut n = power(exponent);
            assert!(is_factorable(&n), "{exponent}");
            let last = n.len() - 1;
            n[last] ^= 2;
            assert!(!is_factorable(&n), "{exponent}");
        }
        assert_eq!(power(128).len(), 257);
        assert!(!is_factorable(&[0xff; 256]) && !is_factorable(&[]));
    }
}
