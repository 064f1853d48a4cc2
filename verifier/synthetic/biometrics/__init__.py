"""Generated faces, fingers and irises, by published statistical models.

Nobody has them, and no error rate that is measured on them says anything about people.
"""
