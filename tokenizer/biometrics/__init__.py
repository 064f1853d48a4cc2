"""Protected biometric templates: what a face, a finger or an iris becomes under the key of one enrolment."""
